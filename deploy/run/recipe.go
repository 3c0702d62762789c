package run

import (
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/tinygrow/tinygrow/deploy"
	"github.com/tinygrow/tinygrow/deploy/run/config"
)

// Recipe is a configuration that the program has with it, with what came out when
// it was measured.
type Recipe struct {
	Name     string `json:"name"`
	About    string `json:"about"`
	Data     string `json:"data"`     // the place that the data set comes from
	Hardware string `json:"hardware"` // the machine that it was measured on
	Time     string `json:"time"`     // the time that it took there
	Result   string `json:"result"`   // what came out
	Document string `json:"document"` // the YAML
}

// recipeFile returns the name of a recipe's file in deploy.Recipes.
func recipeFile(name string) string { return path.Join("recipes", name+".yaml") }

// Recipes returns all, by name.
func Recipes() []Recipe {
	var list []Recipe
	names, err := fs.Glob(deploy.Recipes, recipeFile("*"))
	if err != nil {
		panic(err) // the pattern is a constant
	}
	for _, name := range names {
		document, err := fs.ReadFile(deploy.Recipes, name)
		if err != nil {
			panic(err) // it is embedded
		}
		list = append(list, readRecipe(strings.TrimSuffix(path.Base(name), ".yaml"), string(document)))
	}
	return list
}

// readRecipe reads what the comment that a recipe begins with says of it: a
// sentence, then a fact a line.
func readRecipe(name, document string) Recipe {
	r := Recipe{Name: name, Document: document}
	facts := map[string]*string{"data": &r.Data, "hardware": &r.Hardware, "time": &r.Time, "result": &r.Result}
	for line := range strings.Lines(document) {
		text, comment := strings.CutPrefix(line, "# ")
		if !comment {
			break
		}
		text = strings.TrimSpace(text)
		if fact, value, _ := strings.Cut(text, ": "); facts[fact] != nil {
			*facts[fact] = value
		} else if r.About == "" {
			r.About = text
		}
	}
	return r
}

// RecipeNamed returns one; its error says which there are.
func RecipeNamed(name string) (Recipe, error) {
	var known []string
	for _, r := range Recipes() {
		if r.Name == name {
			return r, nil
		}
		known = append(known, r.Name)
	}
	return Recipe{}, usagef("there is no recipe %q%s (tinygrow recipes lists all)", name, config.Meant(name, known))
}

// layRecipe sets what a recipe says.
func layRecipe(name string, out *Settings) error {
	r, err := RecipeNamed(name)
	if err != nil {
		return fmt.Errorf("--recipe: %w", err)
	}
	return config.Decode(out, "recipe "+name, []byte(r.Document))
}
