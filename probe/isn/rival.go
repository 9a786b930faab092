package isn

// rival is an explanation that is no counter: a generator, a coder of bits, a
// cookie in which our options show. It proposes a verdict that says how many of the 32
// bits a number it saves in all.
type rival struct {
	name   string
	detect func(*view) (verdict, bool)
}

// rivalList are the rivals that only count. Each is a file rival_*.go with its paper or
// source; a new one is listed here.
var rivalList = []rival{
	{"cycle", detectCycle},
	{"xored counter", detectRuler},
	{"freebsd cookie", detectFreeBSDCookie},
	{"ties", detectTies},
	{"store", detectStore},
	{"bits", detectBits},
}

// rivalPrior is what every rival pays for being one of many, in bits.
const rivalPrior = 6

// rivals asks all rivals, the generators only where nothing simpler has settled the
// matter.
func rivals(v *view, settled bool) []*standing {
	fresh := v.fresh()
	list := counting(v, fresh)
	if !settled {
		list = append(list, generators(v, fresh)...)
	}
	return list
}

// counting are plain randomness, which saves nothing, and the rivals that only count.
func counting(v, fresh *view) []*standing {
	list := []*standing{{model: model{class: ClassRandom, name: "random"}, view: v, bits: fresh.plainBits(), found: randomVerdict(fresh)}}
	for _, r := range rivalList {
		if s := r.ask(v, fresh); s != nil {
			list = append(list, s)
		}
	}
	return list
}

// plainBits is what the numbers cost if nothing explains them.
func (v *view) plainBits() float64 {
	return wordBits*float64(len(v.points)) + staleBits*float64(v.stale)
}

// ask asks one rival about the draws of a view, nil where it has nothing to say.
func (r *rival) ask(v, fresh *view) *standing {
	out, ok := r.detect(fresh)
	if !ok || out.saved <= 0 {
		return nil
	}
	return rivalStanding(model{class: out.class, name: r.name}, v, fresh, out)
}

// rivalStanding is how a rival stands that explains the draws of a view.
func rivalStanding(m model, v, fresh *view, found verdict) *standing {
	return &standing{model: m, view: v, bits: fresh.plainBits() - found.saved + rivalPrior, found: found}
}

// sharpen adds to a verdict on numbers of which only some bits are known, or their being
// few, what a generator that was found beside it tells: who has its state knows the next
// number, whatever description of the numbers is the shortest.
func (v *verdict) sharpen(w *view, list []*standing) {
	if v.class != ClassWeakRandom || v.nextKnown {
		return
	}
	for _, s := range list {
		if s.class == ClassWeakRandom && s.found.nextKnown && w.plainBits()-s.bits >= claimBits {
			v.nextKnown = true
			v.notes = append(v.notes, s.found.notes...)
			return
		}
	}
}

// staleBits is about what a repeated number costs.
const staleBits = 5
