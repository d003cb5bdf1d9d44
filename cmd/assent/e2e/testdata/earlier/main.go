// Earlier is assent an hour ago: what it has recorded is old enough for what only time
// makes certain.
package main

import (
	"context"
	"crypto/rand"
	"os"
	"time"

	"github.com/assent-iom/assent/cmd/internal/cli"
)

func main() {
	dir, err := os.Getwd()
	if err != nil {
		panic(err)
	}
	app := &cli.App{
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		Environ: os.Environ(), Getenv: os.Getenv, Dir: dir, Home: os.Getenv("HOME"), User: os.Getenv("USER"),
		Now: func() time.Time { return time.Now().Add(-time.Hour) }, Rand: rand.Reader, Version: "devel",
	}
	os.Exit(app.Execute(context.Background(), os.Args[1:]))
}
