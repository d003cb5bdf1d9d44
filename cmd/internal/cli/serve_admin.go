package cli

import (
	"fmt"
	"net"

	"go.uber.org/zap"

	"github.com/assent-iom/assent/cmd/internal/admin"
	"github.com/assent-iom/assent/cmd/internal/config"
)

// openAdmin opens the daemon's own door. Where nobody asked for it, one that cannot
// be opened is no reason not to serve.
func (d *daemon) openAdmin(l net.Listener) (stop func(), err error) {
	switch {
	case l != nil:
	case d.cfg.Admin == config.AdminOff:
		return func() {}, nil
	default:
		if l, err = admin.Listen(d.cfg.Admin); err == nil {
			break
		}
		err = fmt.Errorf("opening the admin door: %w", err)
		if d.cfg.Origin(config.FieldAdmin) == config.Default {
			d.log.Warn("there is no admin door", zap.Error(err), zap.String("repair", "set admin: in assent.yaml, or admin: off"))
			return func() {}, nil
		}
		return nil, repaired{err, "set another place: admin: /run/assent/admin.sock, or admin: off"}
	}
	return d.admin.Serve(l), nil
}
