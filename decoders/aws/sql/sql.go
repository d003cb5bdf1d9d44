// Package sql tells what one text of SQL or PartiQL would do, as far as its words
// can show without a parser for each dialect.
//
// A text is a read only if every dialect that we meet (PostgreSQL, MySQL,
// Redshift, Athena, Timestream, PartiQL) surely reads it as one statement that
// only selects. Wherever dialects disagree (backslashes in quotes, dollar quotes,
// nested or executable comments, "#"), where several statements are, where a word
// of change stands anywhere, the answer is Execute: something will happen, and
// nobody here can say what.
package sql

import (
	"slices"
	"strings"

	"github.com/assent-iom/assent/model"
)

// Bounds of one text: a longer one is not read, and so is Execute. Athena's own
// limit is 256 KiB.
const maxText = 1 << 20

// Statement is what a text says.
type Statement struct {
	Verb model.Verb
	// Table is the one table that it names after FROM, INTO or UPDATE; empty if
	// there are none, several, or a join.
	Table string
}

// verbs are the verbs of single statements, by first word.
var verbs = map[string]model.Verb{
	"SELECT": model.Read, "WITH": model.Read, "SHOW": model.Read, "DESCRIBE": model.Read, "DESC": model.Read,
	"EXPLAIN": model.Read, "VALUES": model.Read,
	"INSERT": model.Update, "UPDATE": model.Update, "UPSERT": model.Update, "REPLACE": model.Update, "MERGE": model.Update, "ALTER": model.Update,
	"CREATE": model.Create, "DELETE": model.Delete, "DROP": model.Delete, "TRUNCATE": model.Delete,
	"GRANT": model.Grant, "REVOKE": model.Revoke,
}

// changing are the words that no pure read holds outside of quotes.
var changing = words(`INSERT UPDATE UPSERT REPLACE MERGE ALTER CREATE DELETE DROP TRUNCATE GRANT REVOKE INTO
	CALL DO EXEC EXECUTE PREPARE UNLOAD COPY LOAD SET RESET LOCK VACUUM ANALYZE ANALYSE REINDEX REFRESH NOTIFY
	LISTEN OUTFILE DUMPFILE HANDLER MSCK BEGIN COMMIT ROLLBACK EXTERNAL`)

// harmless are the words that may stand before a parenthesis in a read: grammar,
// and functions that have no effect in any dialect.
var harmless = words(`SELECT IN AS ON AND OR NOT WHERE FROM JOIN EXISTS ANY ALL SOME UNION EXCEPT INTERSECT BY HAVING USING
	OVER FILTER VALUES CASE WHEN THEN ELSE LIMIT OFFSET WITH LATERAL DISTINCT BETWEEN LIKE RECURSIVE WITHIN GROUP VARCHAR CHAR
	DECIMAL NUMERIC TIMESTAMP CONFLICT SET VALUE
	COUNT SUM MIN MAX AVG ABS ROUND FLOOR CEIL CEILING MOD POWER SQRT GREATEST LEAST COALESCE NULLIF IFNULL CAST CONVERT EXTRACT
	LOWER UPPER TRIM LTRIM RTRIM LENGTH CHAR_LENGTH SUBSTR SUBSTRING CONCAT CONCAT_WS POSITION LEFT RIGHT LPAD RPAD SPLIT_PART
	NOW DATE DATE_TRUNC DATE_PART DATE_ADD DATE_SUB DATEDIFF DATEADD TO_CHAR TO_DATE TO_TIMESTAMP YEAR MONTH DAY
	ROW_NUMBER RANK DENSE_RANK LAG LEAD FIRST_VALUE LAST_VALUE NTILE STRING_AGG ARRAY_AGG GROUP_CONCAT LISTAGG STDDEV VARIANCE`)

func words(list string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(list) {
		m[w] = true
	}
	return m
}

// Read reads a text. functions says that its language lets a SELECT call
// functions that change something: then only the well-known ones are a read.
func Read(text string, functions bool) Statement {
	unsure := Statement{Verb: model.Execute}
	if len(text) > maxText {
		return unsure
	}
	tokens, ok := scan(text)
	for ok && len(tokens) > 0 && tokens[len(tokens)-1].text == ";" {
		tokens = tokens[:len(tokens)-1]
	}
	if !ok || len(tokens) == 0 || slices.ContainsFunc(tokens, func(t token) bool { return t.text == ";" && t.kind == mark }) {
		return unsure
	}
	verb, known := verbs[tokens[0].text]
	if !known || tokens[0].kind != word {
		return unsure
	}
	if verb == model.Read && changes(tokens) || mixes(tokens, verb) || functions && calls(tokens, verb) {
		return unsure
	}
	return Statement{Verb: verb, Table: onlyTable(tokens)}
}

// changes reports whether a word of change stands anywhere.
func changes(tokens []token) bool {
	for i, t := range tokens {
		if t.kind == word && (changing[t.text] || t.text == "FOR" && i+1 < len(tokens) && tokens[i+1].text == "SHARE") {
			return true
		}
	}
	return false
}

// mixes reports whether a change holds a change of another kind: an INSERT that
// takes its rows from a DELETE … RETURNING.
func mixes(tokens []token, verb model.Verb) bool {
	for _, t := range tokens[1:] {
		if t.kind != word {
			continue
		}
		if other, ok := verbs[t.text]; ok && other != model.Read && other != verb || t.text == "EXECUTE" || t.text == "CALL" {
			return true
		}
	}
	return false
}

// calls reports whether a function is called that is not known to be harmless. A
// CTE's column list and a function of somebody's own look the same.
func calls(tokens []token, verb model.Verb) bool {
	if verb != model.Read && verb != model.Update && verb != model.Delete {
		return false // types and columns have parentheses too
	}
	for i, t := range tokens {
		if i+1 >= len(tokens) || tokens[i+1].kind != mark || tokens[i+1].text != "(" {
			continue
		}
		if i > 0 && tokens[i-1].text == "INTO" {
			continue // INSERT INTO t (columns)
		}
		qualified := i > 0 && tokens[i-1].text == "."
		if t.kind == quoted || t.kind == word && (qualified || !harmless[t.text]) {
			return true
		}
	}
	return false
}

// onlyTable is the table after FROM, INTO or UPDATE when there is just one.
func onlyTable(tokens []token) string {
	name := ""
	for i, t := range tokens {
		if t.kind != word {
			continue
		}
		switch t.text {
		case "JOIN", "UNION", "WITH", "USING":
			return ""
		case "FROM", "INTO", "UPDATE":
			if i+1 >= len(tokens) || tokens[i+1].kind == mark || name != "" {
				return ""
			}
			if next := tokens[i+1]; next.raw != "" {
				name = next.raw
			}
			if i+2 < len(tokens) && tokens[i+2].text == "," {
				return ""
			}
		}
	}
	return name
}
