package picture

import (
	"fmt"
	"image/color"
	"maps"
	"slices"
	"strings"
)

// themed is a colour that a style sheet may change by the variable of its name.
func themed(attribute string, c color.RGBA) string {
	return fmt.Sprintf(`style="%s:var(%s,%s)"`, attribute, variable(c), hex(c))
}

func variable(c color.RGBA) string { return "--p" + hex(c)[1:] }

// darkGround is the ground that the dark colours were chosen on.
var darkGround = color.RGBA{24, 28, 33, 255}

// onDark are the colours of the same meaning on a dark ground: as far from it as
// the others are from white.
var onDark = map[color.RGBA]color.RGBA{
	ink: {230, 232, 235, 255}, paleInk: {165, 171, 178, 255}, gridInk: {47, 53, 60, 255}, frameInk: {112, 120, 129, 255},
	{180, 180, 180, 255}: {84, 92, 101, 255}, Shade: {40, 48, 56, 255}, Loss: {255, 136, 72, 255},
	Palette[0]: {92, 172, 232, 255}, Palette[1]: {245, 184, 46, 255}, Palette[2]: {52, 201, 154, 255}, Palette[3]: {230, 157, 200, 255},
	Palette[4]: {150, 214, 248, 255}, Palette[5]: {204, 172, 108, 255}, Palette[6]: {198, 202, 206, 255}, Palette[7]: {206, 206, 84, 255},
}

// DarkStyle is the declarations of a style sheet that put pictures written by
// [Picture.WriteInline] onto a dark ground.
func DarkStyle() string {
	dark := map[string]color.RGBA{}
	for light, other := range onDark {
		dark[variable(Fade(light))] = between(other, darkGround)
	}
	for light, other := range onDark {
		dark[variable(light)] = other
	}
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(dark)) {
		b.WriteString(name + ":" + hex(dark[name]) + ";")
	}
	return b.String()
}

// between is the colour half way.
func between(a, b color.RGBA) color.RGBA {
	half := func(x, y uint8) uint8 { return uint8((int(x) + int(y)) / 2) }
	return color.RGBA{half(a.R, b.R), half(a.G, b.G), half(a.B, b.B), 255}
}
