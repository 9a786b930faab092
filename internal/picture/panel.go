package picture

import (
	"image/color"
)

// Panel is a chart: two axes, what is drawn between them, lanes of events below,
// and a legend above, where nothing can lie under it.
type Panel struct {
	Title  string
	X, Y   Axis
	Layers []Layer
	Lanes  []Lane
	Legend []Key
	Note   string // in the middle: why there is nothing to be seen
	Square bool   // both axes have the same scale
}

// Lane is a row of events below a panel that have a place on X and no value.
type Lane struct {
	Name   string
	At     []float64
	Shape  Shape
	Colour color.RGBA
}

// Key is an entry of the legend.
type Key struct {
	Words  string
	Shape  Shape
	Stroke bool // a piece of a line instead of the shape
	Area   bool // a patch instead of the shape
	Colour color.RGBA
}

// Sizes, in points.
const (
	titleSize  = 13.0
	labelSize  = 11.0
	tickSize   = 10.0
	legendSize = 10.0
	titleHigh  = 20.0
	keyHigh    = 15.0
	keyGap     = 16.0
	keyMark    = 18.0
	lanesHigh  = 40.0 // of all lanes together, at most
	edge       = 5.0  // between the frame and the ends of the axes, so that no mark is cut
	gap        = 4.0
)

// Draw puts the panel into a part of a picture.
func (n *Panel) Draw(p *Picture, room Rect) {
	room = n.title(p, room)
	room = n.legend(p, room)
	frame := n.frame(room)
	n.axes(p, room, frame)
	d := &Drawing{p: p, panel: n, frame: frame}
	for _, l := range n.Layers {
		l.draw(d)
	}
	n.lanes(p, d, frame)
	if n.Note != "" {
		size := fitting(n.Note, labelSize, frame.width()-8)
		p.write(n.Note, frame.centre(), size, paleInk, atMiddle)
	}
}

func (n *Panel) title(p *Picture, room Rect) Rect {
	if n.Title != "" {
		size := fitting(n.Title, titleSize, room.width())
		p.write(n.Title, Point{room.centre().X, room.Top + titleHigh/2}, size, ink, atMiddle)
		room.Top += titleHigh
	}
	return room
}

// legend writes the entries from left to right, in as many rows as it takes.
func (n *Panel) legend(p *Picture, room Rect) Rect {
	for _, row := range n.rows(room.width()) {
		x := room.centre().X - rowWidth(row)/2
		y := room.Top + keyHigh/2
		for _, k := range row {
			k.draw(p, Point{x + keyMark/2, y})
			p.write(k.Words, Point{x + keyMark + gap, y}, k.size(room.width()), ink, atStart)
			x += k.width() + keyGap
		}
		room.Top += keyHigh
	}
	room.Top += gap
	return room
}

func (k *Key) width() float64 { return keyMark + gap + roomFor(k.Words, legendSize) }

// size is smaller where an entry is wider than the panel.
func (k *Key) size(wide float64) float64 {
	return fitting(k.Words, legendSize, wide-keyMark-gap)
}

// rows parts the legend into rows that fit.
func (n *Panel) rows(wide float64) (rows [][]Key) {
	used := 0.0
	for _, k := range n.Legend {
		if last := len(rows) - 1; last >= 0 && used+keyGap+k.width() <= wide {
			rows[last] = append(rows[last], k)
			used += keyGap + k.width()
			continue
		}
		rows = append(rows, []Key{k})
		used = k.width()
	}
	return rows
}

func rowWidth(row []Key) float64 {
	w := keyGap * float64(len(row)-1)
	for _, k := range row {
		w += k.width()
	}
	return w
}

func (k *Key) draw(p *Picture, at Point) {
	switch {
	case k.Stroke:
		p.line(k.Colour, 1.6, Point{at.X - keyMark/2, at.Y}, Point{at.X + keyMark/2, at.Y})
	case k.Area:
		p.add(&path{colour: k.Colour, points: []Point{
			{at.X - 8, at.Y - 4.5}, {at.X + 8, at.Y - 4.5}, {at.X + 8, at.Y + 4.5}, {at.X - 8, at.Y + 4.5},
		}})
	default:
		p.add(&marks{at: []Point{at}, shape: k.Shape, radius: 3.2, colour: k.Colour})
	}
}

// frame is the part of the room that is left for the data.
func (n *Panel) frame(room Rect) Rect {
	f := room
	if !n.Y.Hidden {
		f.Left += n.leftRoom()
	}
	for _, l := range n.Lanes {
		f.Left = max(f.Left, room.Left+roomFor(l.Name, tickSize)+gap+6)
	}
	f.Right -= 10
	if !n.X.Hidden {
		f.Bottom -= tickSize + 2*gap
	}
	if n.X.Label != "" && !n.X.Hidden {
		f.Bottom -= labelSize + gap
	}
	f.Bottom -= n.laneHigh() * float64(len(n.Lanes))
	return f
}

// leftRoom is what the vertical axis's words need.
func (n *Panel) leftRoom() float64 {
	widest := 0.0
	for _, t := range n.Y.ticks() {
		widest = max(widest, roomFor(t.Words, tickSize))
	}
	if n.Y.Label != "" {
		widest += labelSize + 2*gap
	}
	return widest + 2*gap
}

// axes draws the frame, the grid, the ticks and the words of both axes.
func (n *Panel) axes(p *Picture, room, f Rect) {
	d := &Drawing{p: p, panel: n, frame: f}
	foot := f.Bottom + n.laneHigh()*float64(len(n.Lanes))
	if !n.Y.Hidden {
		n.yAxis(p, d, room, f)
	}
	if !n.X.Hidden {
		n.xAxis(p, d, f, foot)
	}
	if !n.X.Hidden || !n.Y.Hidden {
		p.line(frameInk, 0.8, Point{f.Left, f.Top}, Point{f.Left, foot}, Point{f.Right, foot})
	}
}

func (n *Panel) yAxis(p *Picture, d *Drawing, room, f Rect) {
	for _, t := range n.Y.ticks() {
		y := d.place(Point{n.X.Low, t.At}).Y
		if t.Words != "" {
			p.line(gridInk, 0.6, Point{f.Left, y}, Point{f.Right, y})
		}
		p.line(frameInk, 0.8, Point{f.Left - 3, y}, Point{f.Left, y})
		p.write(t.Words, Point{f.Left - 3 - gap, y}, tickSize, ink, atEnd)
	}
	if n.Y.Label != "" {
		size := fitting(n.Y.Label, labelSize, f.height())
		p.writeUpright(n.Y.Label, Point{room.Left + labelSize/2 + 2, f.centre().Y}, size, ink)
	}
}

func (n *Panel) xAxis(p *Picture, d *Drawing, f Rect, foot float64) {
	end := f.Left - 100 // of the words before
	for _, t := range n.X.ticks() {
		x := d.place(Point{t.At, n.Y.Low}).X
		p.line(frameInk, 0.8, Point{x, foot}, Point{x, foot + 3})
		half := roomFor(t.Words, tickSize) / 2
		if t.Words == "" || x-half < end+gap {
			continue
		}
		p.line(gridInk, 0.6, Point{x, f.Top}, Point{x, foot})
		p.write(t.Words, Point{x, foot + gap + tickSize/2 + 2}, tickSize, ink, atMiddle)
		end = x + half
	}
	if n.X.Label != "" {
		size := fitting(n.X.Label, labelSize, f.width())
		p.write(n.X.Label, Point{f.centre().X, foot + 2*gap + tickSize + labelSize/2 + 2}, size, ink, atMiddle)
	}
}

func (n *Panel) laneHigh() float64 { return min(13, lanesHigh/float64(len(n.Lanes))) }

// lanes draws the rows of events below the frame.
func (n *Panel) lanes(p *Picture, d *Drawing, f Rect) {
	for i, l := range n.Lanes {
		y := f.Bottom + n.laneHigh()*(float64(i)+0.5)
		if i == 0 {
			p.line(frameInk, 0.6, Point{f.Left, f.Bottom}, Point{f.Right, f.Bottom})
		}
		p.write(l.Name, Point{f.Left - 3 - gap, y}, tickSize, ink, atEnd)
		row := &marks{shape: l.Shape, radius: min(3.2, n.laneHigh()/2), colour: l.Colour}
		for _, v := range l.At {
			row.at = append(row.at, Point{d.place(Point{v, n.Y.Low}).X, y})
		}
		p.add(row)
	}
}
