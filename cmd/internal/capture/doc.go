// Package capture runs a command in a network of its own, of which assent is the
// only way out. Where HTTPS_PROXY asks a program to come by, this leaves it nothing
// else: there is no interface but loopback, so whatever a program tries, it ends at
// assent or nowhere.
//
// # What there is in the network
//
//   - Two doors, opened inside and served outside by the engine: a proxy for
//     programs that know one, and a transparent listener to which every other TCP
//     connection is redirected, whoever it was meant for.
//   - A resolver that hands out an address for each name and asks nobody: the name
//     is resolved outside, when a call to it was allowed. So a query carries nothing
//     away, and the transparent listener knows which name was meant.
//   - Nothing else. UDP but for DNS is refused at once (QUIC falls back to TCP).
//     Metadata services are addresses that the engine never dials.
//
// The command runs in a user namespace too, with the same user and group ids and no
// rights over anything outside: it can neither enter another network nor read or
// steer the processes that are in one. Sockets of daemons that would start
// processes, or resolve names, on its behalf are hidden (Hidden).
//
// # How
//
// Open starts this program again, as a helper inside the new namespaces; no tool is
// needed (iproute2, nft), and no privilege where users may make namespaces. The
// helper sets the network up over netlink, opens the doors, and hands them to Open
// over a socket. Namespace.Exec then turns the helper into the command. Everything
// is gone with its last process: nothing on the machine is changed, so there is
// nothing to clean up, also after a kill. If the engine dies, the command is killed,
// and what it has started has no network left.
package capture
