package cli

import (
	"io"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// newLog makes the daemon's log: JSON lines, RFC 3339 times, constant names.
func newLog(w io.Writer) *zap.Logger {
	enc := zapcore.EncoderConfig{
		TimeKey: "at", LevelKey: "level", MessageKey: "event",
		EncodeTime: zapcore.RFC3339NanoTimeEncoder, EncodeLevel: zapcore.LowercaseLevelEncoder,
		EncodeDuration: zapcore.SecondsDurationEncoder,
	}
	return zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(enc), zapcore.Lock(zapcore.AddSync(w)), zapcore.InfoLevel))
}
