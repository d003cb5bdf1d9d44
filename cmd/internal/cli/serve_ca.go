package cli

import (
	"path/filepath"
	"time"

	"go.uber.org/zap"

	"github.com/assent-iom/assent/certs"
	"github.com/assent-iom/assent/cmd/internal/config"
)

// caFiles are where the daemon's authority is kept.
func caFiles(cfg *config.Config) (cert, key string) {
	return filepath.Join(cfg.CA, "ca.pem"), filepath.Join(cfg.CA, "ca.key")
}

func (a *App) caConfig() certs.Config {
	return certs.Config{Now: a.Now, Rand: a.Rand, CommonName: "Assent", Lifetime: 365 * 24 * time.Hour}
}

// reloadAuthority puts another authority in force, if its files hold one; no
// connection is dropped. Files that cannot be used change nothing: they are two, and
// one may be written still.
func (d *daemon) reloadAuthority() {
	cert, key := caFiles(d.cfg)
	next, err := certs.Load(d.app.caConfig(), cert, key)
	if err == nil && next.Certificate().Equal(d.ca.Certificate()) {
		return
	}
	d.admin.Reloaded("authority", err)
	if err != nil {
		d.log.Error("a new authority is not in force; the old one is", zap.Error(err))
		return
	}
	d.ca.Replace(next)
	d.log.Info("a new authority is in force", zap.String("certificate", cert), zap.Time("until", next.Certificate().NotAfter))
}
