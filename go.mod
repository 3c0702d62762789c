module github.com/tinygrow/tinygrow

go 1.26
