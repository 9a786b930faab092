package merge

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"synscope/internal/report/record"
)

// part is what one process wrote: a stretch of a file, from its run record to
// its summary, or to where the process was killed.
type part struct {
	file       *os.File
	path       string
	first, end int64 // bytes of the file
	records    int
	run        *record.Run
	shard      *record.Shard
	summary    *record.Summary // nil where the process was killed
}

func (p *part) where() string { return p.path }

func (p *part) shardWord() string { return fmt.Sprintf("shard %d/%d", p.shard.Shard, p.shard.Shards) }

// belongs compares two parts that should be of one scan.
func (p *part) belongs(other *part) error {
	a, b := p.shard, other.shard
	what := ""
	switch {
	case a.Seed != b.Seed:
		what = fmt.Sprintf("seed %d, not %d", a.Seed, b.Seed)
	case a.Shards != b.Shards:
		what = fmt.Sprintf("one of %d shards, not of %d", a.Shards, b.Shards)
	case a.Technique != b.Technique:
		what = fmt.Sprintf("technique %s, not %s", a.Technique, b.Technique)
	case a.Plan != b.Plan:
		what = "other targets, exclusions or ports"
	default:
		return nil
	}
	return fmt.Errorf("%s does not belong to %s: it has %s", p.where(), other.where(), what)
}

// readParts finds the parts in a file of JSON lines. A process that was killed
// as it began left no more than its run record, or not even that: no part.
func readParts(f *os.File) (parts []*part, err error) {
	path := f.Name()
	var now *part
	lines := 0
	err = eachRecord(f, 0, func(kind string, line []byte, at int64) error {
		var err error
		switch kind {
		case "run":
			now = &part{file: f, path: path, first: at}
			parts = append(parts, now)
			err = decodeInto(&now.run, line)
		case "shard":
			if now != nil {
				err = decodeInto(&now.shard, line)
			}
		case "summary":
			if now != nil {
				err = decodeInto(&now.summary, line)
			}
		case "port": // is decoded later
		default:
			if now != nil && len(bytes.TrimSpace(line)) > 0 && !json.Valid(line) {
				err = errors.New("no record: no JSON")
			}
		}
		if now != nil {
			now.end = at + int64(len(line)) + 1
			now.records++
		}
		lines++
		return err
	})
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", path, err)
	case len(parts) == 0 && (lines > 0 || !mayBegin(f)):
		return nil, fmt.Errorf("%s holds no run of synscope: merge takes what `scan -o json` wrote", path)
	}
	parts = slices.DeleteFunc(parts, func(p *part) bool { return p.records == 1 })
	return parts, checkParts(path, parts)
}

// mayBegin tells whether a file without a whole line is the beginning of a run, or empty.
func mayBegin(f *os.File) bool {
	b := make([]byte, len(runBegins))
	n, _ := f.ReadAt(b, 0)
	return bytes.HasPrefix([]byte(runBegins), b[:n])
}

// runBegins is how each of our files begins.
const runBegins = `{"type":"run",`

func checkParts(path string, parts []*part) error {
	for _, p := range parts {
		switch {
		case p.shard == nil:
			return fmt.Errorf("%s is not the output of a shard: scan with --shard or --stateless", path)
		case p.shard.Shard < 1 || p.shard.Shard > p.shard.Shards || p.shard.Part < 1:
			return fmt.Errorf("%s: shard %d/%d, part %d is impossible", path, p.shard.Shard, p.shard.Shards, p.shard.Part)
		}
	}
	return nil
}

func decodeInto[T any](field **T, line []byte) error {
	*field = new(T)
	if err := json.Unmarshal(line, *field); err != nil {
		return fmt.Errorf("no record: %w", record.Fault(line, *field, err))
	}
	return nil
}

// longestLine is more than any record of a scan takes.
const longestLine = 1 << 20

// eachRecord calls f with every whole line, its type, and where it begins; the
// line is valid until f returns. What follows the last end of line is of a
// process that was killed while writing.
func eachRecord(r io.Reader, at int64, f func(kind string, line []byte, at int64) error) error {
	in := bufio.NewReaderSize(r, longestLine)
	for {
		line, err := in.ReadSlice('\n')
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, bufio.ErrBufferFull):
			return fmt.Errorf("at byte %d: a line of more than %d bytes, which no record is", at, longestLine)
		case err != nil:
			return err
		}
		torn := beforeRun(line)
		line, at = line[torn:], at+int64(torn)
		if err := f(kindOf(line), line[:len(line)-1], at); err != nil {
			return fmt.Errorf("at byte %d: %w", at, err)
		}
		at += int64(len(line))
	}
}

// beforeRun is how many bytes of a line are of a process that was killed while writing
// it, where the next one wrote to the end of the same file.
func beforeRun(line []byte) int {
	if at := bytes.LastIndex(line, []byte(runBegins)); at > 0 && !json.Valid(line) {
		return at
	}
	return 0
}

// kindOf is a record's type; our own writer puts it first.
func kindOf(line []byte) string {
	rest, ours := bytes.CutPrefix(line, []byte(`{"type":"`))
	if kind, _, ok := bytes.Cut(rest, []byte(`"`)); ours && ok {
		return string(kind)
	}
	var r struct{ Type string }
	if json.Unmarshal(line, &r) != nil {
		return ""
	}
	return r.Type
}
