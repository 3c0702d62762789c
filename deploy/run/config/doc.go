// Package config fills a struct from a YAML file, the environment and key=value
// settings, in that order, and names every fault with its place and the nearest
// known key. It does not know what the keys mean: values are checked by the
// Validate methods of the packages they belong to.
//
// Numbers are decimal and booleans true or false, whatever the source: what YAML 1.1
// would read in another way is a fault, as is a second document.
//
// A key is the path of a field, its parts joined by dots: optim.lr. A part is the
// field's yaml tag or, without one, its name in lower case. The environment
// variable of optim.lr is TINYGROW_OPTIM_LR.
package config
