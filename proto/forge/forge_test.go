package forge_test

import (
	"testing"

	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/proto/forge"
)

func TestWhatIsForgedIsTaken(t *testing.T) {
	body, err := forge.Body(&proto.News{Head: proto.Head{Run: "r"}, Text: "x"})
	if err != nil {
		t.Fatal(err)
	}
	var n proto.News
	if err := proto.Decode(forge.Seal(body), &n); err != nil || n.Text != "x" {
		t.Error(n, err)
	}
	if got := forge.Seal([]byte("no map")); string(got) != "no map" {
		t.Errorf("%q", got)
	}
}
