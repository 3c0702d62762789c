// Package netfile reads networks that are written as YAML: named layers in order, blocks
// with parameters, repeats, and expressions over parameters and shapes.
//
//	parameters: {width: 16}
//	blocks:
//	  basic:
//	    parameters: {out: , stride: 1}
//	    layers:
//	      conv1: {conv2d: {out: out, kernel: 3, stride: stride, padding: 1, bias: false}}
//	      bn1: batchnorm
//	      relu1: relu
//	      conv2: {conv2d: {out: out, kernel: 3, padding: 1, bias: false}}
//	      bn2: batchnorm
//	      shortcut: {conv2d: {out: out, kernel: 1, stride: stride}, input: input, if: stride != 1 || input.channels != out}
//	      add: {add: , input: [bn2, shortcut]}
//	      relu2: relu
//	layers:
//	  conv1: {conv2d: {out: width, kernel: 3, padding: 1}}
//	  layer1: {basic: {out: width}, repeat: 3}
//	  layer2: {basic: {out: width * 2}, repeat: 3, first: {stride: 2}}
//	  pool: globalavgpool
//	  flatten: flatten
//	  fc: {linear: {out: classes}}
//
// A layer reads the one before it unless input names others. What if turns off hands
// its input on. Layers of a block are called by the names of their instances: those above
// are layer1.0.conv1, layer1.0.bn1 and so on.
//
// Expressions are Go's, of constants: numbers, texts in quotes, true and false, + - * / %
// (of whole numbers without a rest), comparisons, &&, ||, !, min, max, len, list[index] and
// where(condition, a, b). They know the parameters, classes, index (that of a repeat, from
// 0), and channels, height and width of layers: input.channels of what the block reads,
// previous.height of the layer before, conv1.width of another.
//
// The package knows nothing of operations: a Maker makes the layers. What a text can ask
// for is bounded.
package netfile
