// Package dataset reads image data sets and lays their samples out for
// training: CIFAR-10 and CIFAR-100 in the binary format, MNIST and its kin as IDX files,
// folders of PNG and JPEG images, and the built-in set "shapes", which is
// drawn in memory.
//
// Which sample stands where in an epoch and how it is augmented are pure
// functions of seeds and numbers, the same in every process. The package
// keeps a whole set in memory as bytes; it does not stream larger ones, does
// not download, and knows labels of single classes only.
package dataset
