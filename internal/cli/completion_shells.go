package cli

import (
	"fmt"
	"strings"
)

// bash writes completion for bash, without the package bash-completion.
func (c *completion) bash() string {
	var b strings.Builder
	b.WriteString("# bash completion for synscope: source <(synscope completion bash)\n_synscope() {\n" +
		"    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} cmd= i words=\n" +
		"    for ((i = 1; i < COMP_CWORD; i++)); do\n        case ${COMP_WORDS[i]} in\n")
	fmt.Fprintf(&b, "        %s) cmd=${COMP_WORDS[i]}; break ;;\n        esac\n    done\n", strings.Join(c.names(), "|"))
	b.WriteString("    case \"$cmd $prev\" in\n")
	for _, p := range c.commands {
		for _, f := range p.flags() {
			c.bashValues(&b, p, &f)
		}
	}
	b.WriteString("    esac\n    case $cmd in\n")
	fmt.Fprintf(&b, "    '') words='%s' ;;\n", strings.Join(append(c.names(), flagWords(c.program)...), " "))
	for _, p := range c.commands {
		values, files, hosts := p.operands(c)
		fmt.Fprintf(&b, "    %s)\n        case $cur in\n        -*) words='%s' ;;\n", strings.Join(p.names(), "|"), strings.Join(flagWords(p), " "))
		switch {
		case files:
			b.WriteString("        *) " + bashFiles + "; return ;;\n")
		case hosts:
			b.WriteString("        *) COMPREPLY=($(compgen -A hostname -- \"$cur\")); return ;;\n")
		default:
			fmt.Fprintf(&b, "        *) words='%s' ;;\n", strings.Join(values, " "))
		}
		b.WriteString("        esac ;;\n")
	}
	b.WriteString("    esac\n    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n}\ncomplete -F _synscope synscope\n")
	return b.String()
}

// bashFiles completes the name of a file, whatever letters are in it, and goes on
// after the slash of a directory.
const bashFiles = `mapfile -t COMPREPLY < <(compgen -f -- "$cur"); compopt -o filenames 2>/dev/null`

// bashValues completes the value of one flag.
func (c *completion) bashValues(b *strings.Builder, p *page, f *flagDoc) {
	values, files := f.choices(p.name)
	if f.value == "" {
		return
	}
	var patterns []string
	for _, name := range p.names() {
		for _, n := range f.names {
			patterns = append(patterns, fmt.Sprintf("'%s %s'", name, dashed(n)))
		}
	}
	reply := "COMPREPLY=($(compgen -W '" + strings.Join(values, " ") + "' -- \"$cur\"))"
	if files {
		reply = bashFiles
	}
	fmt.Fprintf(b, "    %s) %s; return ;;\n", strings.Join(patterns, "|"), reply)
}

func (c *completion) names() (names []string) {
	for _, p := range c.commands {
		names = append(names, p.names()...)
	}
	return names
}

// names are the command's own and its aliases.
func (p *page) names() []string { return append([]string{p.name}, p.aliases...) }

// flagWords are all flags of a page as one types them.
func flagWords(p *page) (all []string) {
	for _, f := range p.flags() {
		for _, n := range f.names {
			all = append(all, dashed(n))
		}
	}
	return all
}

// zsh writes completion for zsh, to be put into a directory of $fpath.
func (c *completion) zsh() string {
	var b strings.Builder
	b.WriteString("#compdef synscope\n# zsh completion for synscope\n_synscope() {\n    local -a commands\n    commands=(\n")
	for _, p := range c.commands {
		for _, name := range p.names() {
			fmt.Fprintf(&b, "        '%s:%s'\n", name, zshQuoted(strings.ReplaceAll(p.answers, ":", "\\:")))
		}
	}
	b.WriteString("    )\n    local i cmd=\n    for ((i = 2; i < CURRENT; i++)); do\n" +
		"        if [[ -n ${commands[(r)${words[i]}:*]} ]]; then cmd=${words[i]}; break; fi\n    done\n" +
		"    if [[ -z $cmd ]]; then _describe -t commands command commands; return; fi\n" +
		"    shift $((i - 1)) words; ((CURRENT -= i - 1))\n    case $cmd in\n")
	for _, p := range c.commands {
		fmt.Fprintf(&b, "    %s)\n        _arguments -s", strings.Join(p.names(), "|"))
		for _, f := range p.flags() {
			c.zshFlag(&b, p, &f)
		}
		fmt.Fprintf(&b, " \\\n            %s ;;\n", c.zshOperands(p))
	}
	b.WriteString("    esac\n}\nif [[ $funcstack[1] == _synscope ]]; then _synscope \"$@\"; else compdef _synscope synscope; fi\n")
	return b.String()
}

func (c *completion) zshFlag(b *strings.Builder, p *page, f *flagDoc) {
	for _, n := range f.names {
		fmt.Fprintf(b, " \\\n            '*%s[%s]", dashed(n), zshQuoted(strings.NewReplacer("[", "\\[", "]", "\\]").Replace(f.meaning)))
		if f.value != "" {
			values, files := f.choices(p.name)
			action := "(" + strings.Join(values, " ") + ")"
			if files {
				action = "_files"
			}
			fmt.Fprintf(b, ":%s:%s", strings.ReplaceAll(f.value, ":", "\\:"), action)
		}
		b.WriteByte('\'')
	}
}

func (c *completion) zshOperands(p *page) string {
	values, files, hosts := p.operands(c)
	switch {
	case files:
		return "'*:file:_files'"
	case hosts:
		return "'*:host:_hosts'"
	}
	return "'*:word:(" + strings.Join(values, " ") + ")'"
}

// zshQuoted may stand between single quotes.
func zshQuoted(s string) string { return strings.ReplaceAll(s, "'", `'\''`) }

// fish writes completion for fish.
func (c *completion) fish() string {
	var b strings.Builder
	b.WriteString("# fish completion for synscope\ncomplete -c synscope -f\n")
	none := "not __fish_seen_subcommand_from " + strings.Join(c.names(), " ")
	for _, p := range c.commands {
		for _, name := range p.names() {
			fmt.Fprintf(&b, "complete -c synscope -n '%s' -a %s -d '%s'\n", none, name, fishQuoted(p.answers))
		}
		c.fishFlags(&b, p)
	}
	for _, f := range c.program.flags() {
		fishFlag(&b, none, &f, offer{})
	}
	return b.String()
}

func (c *completion) fishFlags(b *strings.Builder, p *page) {
	here := "__fish_seen_subcommand_from " + strings.Join(p.names(), " ")
	for _, f := range p.flags() {
		values, files := f.choices(p.name)
		fishFlag(b, here, &f, offer{values, files})
	}
	switch values, files, hosts := p.operands(c); {
	case files:
		fmt.Fprintf(b, "complete -c synscope -n '%s' -F\n", here)
	case hosts:
		fmt.Fprintf(b, "complete -c synscope -n '%s' -a '(__fish_print_hostnames)'\n", here)
	case len(values) > 0:
		fmt.Fprintf(b, "complete -c synscope -n '%s' -a '%s'\n", here, strings.Join(values, " "))
	}
}

// offer is what a flag's value is completed by: some words, or the names of files.
type offer struct {
	values []string
	files  bool
}

func fishFlag(b *strings.Builder, where string, f *flagDoc, of offer) {
	fmt.Fprintf(b, "complete -c synscope -n '%s'", where)
	for _, n := range f.names {
		switch d := dashed(n); {
		case strings.HasPrefix(d, "--"):
			b.WriteString(" -l " + n)
		case len(n) == 1:
			b.WriteString(" -s " + n)
		default:
			b.WriteString(" -o " + n)
		}
	}
	switch {
	case of.files:
		b.WriteString(" -r -F")
	case f.value != "":
		b.WriteString(" -x -a '" + strings.Join(of.values, " ") + "'")
	}
	fmt.Fprintf(b, " -d '%s'\n", fishQuoted(f.meaning))
}

// fishQuoted may stand between single quotes.
func fishQuoted(s string) string { return strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(s) }
