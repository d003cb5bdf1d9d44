package owners

import (
	"errors"
	"regexp"
	"strings"
)

// compile makes a pattern of CODEOWNERS an expression over paths without a leading
// slash. Both syntaxes have gitignore's * ? and **; where they differ is what a
// pattern means that is no folder: to GitHub also all that is below it, to GitLab
// that file alone.
func compile(pattern string, syntax Syntax) (*regexp.Regexp, error) {
	switch {
	case pattern == "" || pattern == "/":
		return nil, errors.New("it names nothing; everything is *")
	case syntax == GitHub && strings.ContainsAny(pattern, "[]"):
		return nil, errors.New("GitHub has no ranges in [ ]; write a line for each")
	case syntax == GitHub && strings.HasPrefix(pattern, `\#`):
		return nil, errors.New(`GitHub does not take \# at the beginning; write ?`)
	case strings.Contains(pattern, "//"):
		return nil, errors.New("it has two slashes in a row")
	case strings.Contains(pattern, "***"):
		return nil, errors.New("it has three stars in a row")
	}
	folder := strings.HasSuffix(pattern, "/") && !strings.HasSuffix(pattern, `\/`)
	body := strings.TrimSuffix(pattern, "/")
	anchored := strings.HasPrefix(body, "/")
	if syntax == GitHub {
		anchored = strings.Contains(body, "/")
	}
	steps := strings.Split(strings.TrimPrefix(body, "/"), "/")
	var b strings.Builder
	b.WriteString(`\A`)
	if !anchored {
		b.WriteString(`(?:.*/)?`)
	}
	for i, step := range steps {
		last := i == len(steps)-1
		switch {
		case step == "**" && last:
			b.WriteString(`.+`)
			continue
		case step == "**":
			b.WriteString(`(?:.*/)?`)
			continue
		}
		one, err := glob(step, syntax)
		if err != nil {
			return nil, err
		}
		b.WriteString(one)
		if !last {
			b.WriteString("/")
		}
	}
	switch end := steps[len(steps)-1]; {
	case folder:
		b.WriteString(`/.+`)
	case syntax == GitHub && end != "*" && end != "**", syntax == GitHub && end == "*" && len(steps) == 1 && !anchored:
		b.WriteString(`(?:/.*)?`)
	}
	b.WriteString(`\z`)
	return regexp.Compile("(?s)" + b.String())
}

// glob is one step of a path.
func glob(step string, syntax Syntax) (string, error) {
	var b strings.Builder
	for i := 0; i < len(step); i++ {
		switch c := step[i]; c {
		case '*':
			for i+1 < len(step) && step[i+1] == '*' { // ** inside of a name is a plain *
				i++
			}
			b.WriteString(`[^/]*`)
		case '?':
			b.WriteString(`[^/]`)
		case '\\':
			if i++; i == len(step) {
				return "", errors.New(`a \ that escapes nothing`)
			}
			b.WriteString(regexp.QuoteMeta(step[i : i+1]))
		case '[':
			end := strings.IndexByte(step[i:], ']')
			if syntax == GitHub || end < 2 || strings.ContainsAny(step[i+1:i+end], `[\^`) {
				return "", errors.New("a range in [ ] that is not of plain characters")
			}
			b.WriteString("[" + strings.Replace(step[i+1:i+end], "!", "^", 1) + "]")
			i += end
		default:
			b.WriteString(regexp.QuoteMeta(step[i : i+1]))
		}
	}
	return b.String(), nil
}
