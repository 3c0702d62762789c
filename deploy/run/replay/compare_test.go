package replay

import "testing"

func TestFirstDifference(t *testing.T) {
	for _, c := range []struct {
		logged, computed string
		extra            bool
		at, was, is      string
	}{
		{`{"a":1,"b":[1,2]}`, `{"b":[1,2],"a":1}`, false, "", "", ""},
		{`{"a":0.1}`, `{"a":0.10}`, false, "a", "0.1", "0.10"}, // what is written has to be the same
		{`{"a":1,"wall_s":3}`, `{"a":1}`, true, "", "", ""},
		{`{"a":1,"wall_s":3}`, `{"a":1}`, false, "wall_s", "3", "nothing"},
		{`{"a":1}`, `{"a":1,"b":null}`, true, "b", "nothing", "null"},
		{`{"a":1,"digest":"x"}`, `{"a":2,"digest":"y"}`, true, "digest", `"x"`, `"y"`},
		{`{"s":[{"p":1},{"p":2}]}`, `{"s":[{"p":1},{"p":3}]}`, false, "s[1].p", "2", "3"},
		{`{"s":[1,2]}`, `{"s":[1]}`, false, "s", "[1,2]", "[1]"},
		{`{"s":{"x":1,"y":1}}`, `{"s":{"x":1}}`, true, "s.y", "1", "nothing"}, // extra is for the line only
		{`{"s":"1"}`, `{"s":1}`, false, "s", `"1"`, "1"},
		{`{"s":{}}`, `{"s":[]}`, false, "s", "{}", "[]"},
		{`{"s":[]}`, `{"s":null}`, false, "s", "[]", "null"},
		{`[]`, `{}`, false, "", "[]", "{}"},
	} {
		logged, err := values([]byte(c.logged))
		if err != nil {
			t.Fatal(err)
		}
		computed, err := values([]byte(c.computed))
		if err != nil {
			t.Fatal(err)
		}
		at, was, is, differs := firstDifference("", logged, computed, c.extra)
		if at != c.at || was != c.was || is != c.is || differs != (c.is != "") {
			t.Errorf("%s and %s: %q is %s and %s, %v", c.logged, c.computed, at, was, is, differs)
		}
	}
}
