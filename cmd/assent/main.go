// Assent decides whether a change to infrastructure should happen, before it
// happens: it stands between a command and the cloud and Kubernetes APIs that
// the command calls. Run `assent --help`, or start with
//
//	assent run -- CMD…
package main

import (
	"os"
	_ "time/tzdata" // windows name places, and not every machine knows where they are

	"github.com/assent-iom/assent/cmd/internal/cli"
)

var version = "devel" // set by the linker

func main() { os.Exit(cli.Main(os.Args[1:], version)) }
