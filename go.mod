module github.com/assent-iom/assent

go 1.26.0
