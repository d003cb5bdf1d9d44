package sql

import (
	"strings"
	"testing"

	"github.com/assent-iom/assent/model"
)

func TestOnlyWhatSurelySelectsIsARead(t *testing.T) {
	for text, want := range map[string]model.Verb{
		`SELECT * FROM "Orders" WHERE id = 'x'`:               model.Read,
		" -- a note\n/* and more */ select count(*) from t; ": model.Read,
		`SELECT 'DELETE FROM t; DROP' FROM t`:                 model.Read,
		`WITH x AS (SELECT a FROM t) SELECT max(a) FROM x`:    model.Read,
		"SHOW TABLES":                                           model.Read,
		"INSERT INTO t VALUES (1)":                              model.Update,
		"update t set a = 1":                                    model.Update,
		`DELETE FROM "Orders" WHERE id = 'x'`:                   model.Delete,
		"drop table t":                                          model.Delete,
		"CREATE TABLE t AS SELECT 1":                            model.Create,
		"GRANT ALL ON t TO public":                              model.Grant,
		"SELECT 1; DROP TABLE t":                                model.Execute,
		"WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x": model.Execute,
		"SELECT * INTO u FROM t":                                model.Execute,
		"SELECT pg_terminate_backend(1)":                        model.Execute,
		`SELECT "max"(1)`:                                       model.Execute,
		"SELECT evil.max(1)":                                    model.Execute,
		"SELECT a FROM t FOR UPDATE":                            model.Execute,
		"EXPLAIN ANALYZE DELETE FROM t":                         model.Execute,
		`SELECT 'a\'; DROP TABLE t; -- '`:                       model.Execute,
		"SELECT $$;$$":                                          model.Execute,
		"SELECT 1 /*! ; DROP TABLE t */":                        model.Execute,
		"SELECT 1 /* /* */ ; DROP TABLE t /* */ */":             model.Execute,
		"SELECT 1 --1\n":                                        model.Execute,
		"SELECT 1 # x\n":                                        model.Execute,
		"SELECT 'open":                                          model.Execute,
		"VACUUM":                                                model.Execute, "": model.Execute, ";": model.Execute, "CALL p()": model.Execute,
		"UNLOAD (SELECT 1) TO 's3://b'":                                       model.Execute,
		"INSERT INTO t WITH d AS (DELETE FROM u RETURNING *) SELECT * FROM d": model.Execute,
		"UPDATE t SET a = evil()":                                             model.Execute, "INSERT INTO t (a) VALUES (now())": model.Update,
		"INSERT INTO t VALUES (1) ON CONFLICT (a) DO UPDATE SET a = 2": model.Update,
		"(SELECT 1)":                              model.Execute,
		"SELECT 1 -- x\r; DROP TABLE t\n":         model.Execute,
		"SELECT " + strings.Repeat("1,", 1<<20):   model.Execute,
		"MSCK REPAIR TABLE t":                     model.Execute,
		"USING EXTERNAL FUNCTION f() SELECT f(1)": model.Execute,
	} {
		if got := Read(text, true).Verb; got != want {
			t.Errorf("%.60s is %s, want %s", text, got, want)
		}
	}
	if got := Read("SELECT json_extract(a, 'x') FROM t", false).Verb; got != model.Read {
		t.Errorf("a function of a language without side effects is %s", got)
	}
}

func TestTheTable(t *testing.T) {
	for text, want := range map[string]string{
		`SELECT * FROM "Orders"."by-date" WHERE a = 1`: "Orders", `INSERT INTO Orders VALUE {'a': 1}`: "Orders",
		`UPDATE "Or""ders" SET a = 1`: `Or"ders`, `DELETE FROM orders`: "orders",
		`SELECT * FROM a, b`: "", `SELECT * FROM a JOIN b`: "", `SELECT * FROM (SELECT 1)`: "", `SELECT * FROM a WHERE b IN (SELECT c FROM d)`: "",
	} {
		if got := Read(text, false).Table; got != want {
			t.Errorf("%s names %q, want %q", text, got, want)
		}
	}
}

// Whatever is added after a semicolon, it is not a read any more.
func FuzzRead(f *testing.F) {
	for _, s := range []string{"SELECT 1", "DELETE FROM t -- x", `SELECT "a" FROM 'b'`, "/* */ SELECT /**/ 1;;", "WITH x AS (SELECT 1) SELECT `a`"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if Read(s, true).Verb == model.Read && Read(s, false).Verb != model.Read {
			t.Error("the stricter reading is the laxer one")
		}
		if Read(s+"\n; DROP TABLE t", true).Verb == model.Read {
			t.Errorf("%q hides a second statement", s)
		}
	})
}
