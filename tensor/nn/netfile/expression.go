package netfile

import (
	"errors"
	"fmt"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
)

// maxExpression bounds the text of an expression, in bytes.
const maxExpression = 1 << 10

// errBroken is returned where a shape is asked for that a fault told before does not let be known.
var errBroken = errors.New("not known")

// names tells what an expression may name.
type names interface {
	// value returns a parameter.
	value(name string) (Value, error)
	// shape returns what a layer gives.
	shape(layer string) (Shape, error)
}

// evaluate returns what an expression gives.
func evaluate(text string, of names) (Value, error) {
	if v, ok := literal(text); ok {
		return v, nil
	}
	if len(text) > maxExpression {
		return Value{}, fmt.Errorf("an expression has at most %d bytes", maxExpression)
	}
	tree, err := parser.ParseExpr(text)
	if err != nil {
		return Value{}, fmt.Errorf("%q is no expression", text)
	}
	v, err := (&evaluator{of, text}).expr(tree)
	if v.scalar != nil && v.scalar.Kind() == constant.Unknown && err == nil {
		err = errBeyond
	}
	return v, err
}

// errBeyond is returned for numbers that are too large to be meant.
var errBeyond = errors.New("the number is beyond all bounds")

type evaluator struct {
	names
	text string
}

// source is the text of a part.
func (e *evaluator) source(n ast.Expr) string {
	from, to := int(n.Pos())-1, int(n.End())-1
	if from < 0 || to > len(e.text) || from > to {
		return e.text
	}
	return e.text[from:to]
}

func (e *evaluator) expr(n ast.Expr) (Value, error) {
	switch n := n.(type) {
	case *ast.BasicLit:
		if n.Kind == token.INT || n.Kind == token.FLOAT {
			if v, ok := literal(n.Value); ok {
				return v, nil
			}
		}
		if n.Kind == token.STRING {
			return Value{scalar: constant.MakeFromLiteral(n.Value, token.STRING, 0)}, nil
		}
		return Value{}, fmt.Errorf("%s is no decimal number", n.Value)
	case *ast.Ident:
		if v, ok := literal(n.Name); ok {
			return v, nil
		}
		return e.value(n.Name)
	case *ast.ParenExpr:
		return e.expr(n.X)
	case *ast.SelectorExpr:
		return e.side(n)
	case *ast.UnaryExpr:
		return e.unary(n)
	case *ast.BinaryExpr:
		return e.binary(n)
	case *ast.IndexExpr:
		return e.index(n)
	case *ast.CallExpr:
		return e.call(n)
	}
	return Value{}, fmt.Errorf("%q is not known in expressions", e.source(n))
}

// side is channels, height or width of a layer.
func (e *evaluator) side(n *ast.SelectorExpr) (Value, error) {
	layer, ok := n.X.(*ast.Ident)
	if !ok {
		return Value{}, fmt.Errorf("%q is not known: channels, height and width are those of a layer, as input.channels", e.source(n))
	}
	s, err := e.shape(layer.Name)
	if err != nil {
		return Value{}, err
	}
	switch n.Sel.Name {
	case "channels":
		return IntValue(s.C), nil
	case "height":
		return IntValue(s.H), nil
	case "width":
		return IntValue(s.W), nil
	}
	return Value{}, fmt.Errorf("%s has channels, height and width, and no %s", layer.Name, n.Sel.Name)
}

func (e *evaluator) unary(n *ast.UnaryExpr) (Value, error) {
	x, err := e.expr(n.X)
	if err != nil {
		return x, err
	}
	_, number := x.Float()
	_, truth := x.Bool()
	if n.Op == token.NOT && truth || (n.Op == token.SUB || n.Op == token.ADD) && number {
		return Value{scalar: constant.UnaryOp(n.Op, x.scalar, 0)}, nil
	}
	return Value{}, fmt.Errorf("%q: %s is %s", e.source(n), e.source(n.X), x.kind())
}

func (e *evaluator) binary(n *ast.BinaryExpr) (Value, error) {
	x, err := e.expr(n.X)
	if err != nil {
		return x, err
	}
	if truth, ok := x.Bool(); ok && (n.Op == token.LAND && !truth || n.Op == token.LOR && truth) {
		return x, nil // the other side need not be known
	}
	y, err := e.expr(n.Y)
	if err != nil {
		return y, err
	}
	_, numbers := x.Float()
	if _, also := y.Float(); !also {
		numbers = false
	}
	alike := numbers || x.scalar != nil && y.scalar != nil && x.scalar.Kind() == y.scalar.Kind()
	wrong := fmt.Errorf("%q: %s is %s, %s is %s", e.source(n), e.source(n.X), x.kind(), e.source(n.Y), y.kind())
	switch n.Op {
	case token.LAND, token.LOR:
		if _, truth := x.Bool(); alike && truth {
			return Value{scalar: constant.BinaryOp(x.scalar, n.Op, y.scalar)}, nil
		}
	case token.EQL, token.NEQ:
		if alike {
			return BoolValue(constant.Compare(x.scalar, n.Op, y.scalar)), nil
		}
	case token.LSS, token.LEQ, token.GTR, token.GEQ:
		if numbers {
			return BoolValue(constant.Compare(x.scalar, n.Op, y.scalar)), nil
		}
	case token.ADD, token.SUB, token.MUL:
		if numbers {
			return bounded(constant.BinaryOp(x.scalar, n.Op, y.scalar))
		}
	case token.QUO, token.REM:
		if numbers {
			return e.divide(n, x, y)
		}
	default:
		return Value{}, fmt.Errorf("%q: %s is not known in expressions", e.source(n), n.Op)
	}
	return Value{}, wrong
}

// divide is x / y, which of whole numbers has to be one, or x % y.
func (e *evaluator) divide(n *ast.BinaryExpr, x, y Value) (Value, error) {
	if constant.Sign(y.scalar) == 0 {
		return Value{}, fmt.Errorf("%q divides by zero", e.source(n))
	}
	whole := x.scalar.Kind() == constant.Int && y.scalar.Kind() == constant.Int
	switch {
	case !whole && n.Op == token.REM:
		return Value{}, fmt.Errorf("%q: %% is of whole numbers", e.source(n))
	case !whole:
		return bounded(constant.BinaryOp(x.scalar, token.QUO, y.scalar))
	case n.Op == token.REM:
		return Value{scalar: constant.BinaryOp(x.scalar, token.REM, y.scalar)}, nil
	}
	if constant.Sign(constant.BinaryOp(x.scalar, token.REM, y.scalar)) != 0 {
		return Value{}, fmt.Errorf("%q: %s / %s is no whole number", e.source(n), x, y)
	}
	return Value{scalar: constant.BinaryOp(x.scalar, token.QUO_ASSIGN, y.scalar)}, nil
}

// bounded refuses numbers that no network has.
func bounded(v constant.Value) (Value, error) {
	const most = 1 << 40
	if f, _ := constant.Float64Val(v); !(f >= -most && f <= most) {
		return Value{}, errBeyond
	}
	if v.Kind() == constant.Float { // not a fraction of ever more digits
		f, _ := constant.Float64Val(v)
		v = constant.MakeFloat64(f)
	}
	return Value{scalar: v}, nil
}

func (e *evaluator) index(n *ast.IndexExpr) (Value, error) {
	x, err := e.expr(n.X)
	if err != nil {
		return x, err
	}
	i, err := e.expr(n.Index)
	if err != nil {
		return i, err
	}
	place, ok := i.Int()
	if x.scalar != nil || !ok || place < 0 || place >= len(x.list) {
		return Value{}, fmt.Errorf("%q: %s has no item %s", e.source(n), x, i)
	}
	return x.list[place], nil
}

func (e *evaluator) call(n *ast.CallExpr) (Value, error) {
	name, _ := n.Fun.(*ast.Ident)
	var args []Value
	for i, a := range n.Args {
		if name != nil && name.Name == "where" && i > 0 {
			break // only the side that is chosen need be known
		}
		v, err := e.expr(a)
		if err != nil {
			return v, err
		}
		args = append(args, v)
	}
	switch {
	case name == nil:
	case name.Name == "where" && len(n.Args) == 3:
		if truth, ok := args[0].Bool(); ok {
			if truth {
				return e.expr(n.Args[1])
			}
			return e.expr(n.Args[2])
		}
	case name.Name == "len" && len(args) == 1 && args[0].scalar == nil:
		return IntValue(len(args[0].list)), nil
	case (name.Name == "min" || name.Name == "max") && len(args) > 0:
		best := args[0]
		for _, v := range args {
			if _, ok := v.Float(); !ok {
				return Value{}, fmt.Errorf("%q: %s is %s", e.source(n), v, v.kind())
			}
			if constant.Compare(v.scalar, token.LSS, best.scalar) == (name.Name == "min") {
				best = v
			}
		}
		return best, nil
	}
	return Value{}, fmt.Errorf("%q is not known: there are min, max, len(list) and where(condition, a, b)", e.source(n))
}
