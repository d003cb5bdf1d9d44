// Package approval is held actions as a pure state machine: what is asked, who
// answered what, and what that makes of a request at a given time. It reads no
// clock and no disk; policy/approval/inbox keeps requests, and proxy/gate waits.
//
// # What it promises
//
//   - The holds of one run are one request with a list, until somebody answers it.
//     An answer names each action that its giver saw; to a request that has grown
//     since, it is refused.
//   - An answer is a ticket signed with an SSH key that an Actor document declares
//     (OpenSSH's own signature format: ssh-keygen -Y verify checks it too). Who may
//     say yes to what is not decided here but by the judge, on every use.
//   - A no by anybody who was asked ends the request; the same action is refused,
//     and not asked about again, until the request expires.
//   - A ticket is good once for each of its actions, and expires.
package approval
