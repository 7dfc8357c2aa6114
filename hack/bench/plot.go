package main

import (
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
)

// curve is the share of pods that are served by a time.
type curve struct {
	name    variant
	seconds []float64
}

// panel is one diagram.
type panel struct {
	title  string
	curves []curve
}

// figure is a file with panels side by side.
type figure struct {
	file, title string
	panels      []panel
}

const (
	wholeWidth, panelHeight = 800.0, 250.0
	left, right, above      = 52.0, 14.0, 58.0
	below                   = 70.0
)

// style makes it readable on a light and on a dark page; where nobody says which, it is light.
const style = `
svg { font: 12px system-ui, sans-serif; }
.page { fill: #ffffff; } .text { fill: #1f2328; } .grid { stroke: #d1d9e0; } .axis { stroke: #59636e; }
.c0 { stroke: #59636e; } .c1 { stroke: #0969da; } .c2 { stroke: #bc4c00; } .c3 { stroke: #8250df; }
.curve { fill: none; stroke-width: 2; } .dash1 { stroke-dasharray: 7 3; } .dash2 { stroke-dasharray: 2 3; }
@media (prefers-color-scheme: dark) {
.page { fill: #0d1117; } .text { fill: #f0f6fc; } .grid { stroke: #3d444d; } .axis { stroke: #9198a1; }
.c0 { stroke: #9198a1; } .c1 { stroke: #4493f8; } .c2 { stroke: #f0883e; } .c3 { stroke: #ab7df8; }
}
`

// looks tell the curves apart by colour and by dashes; a program looks the same in every diagram.
var looks = map[variant]string{
	floor: "c0", jasm: "c1", single: "c2 dash1", without: "c3 dash2", already: "c2 dash1",
}

func (f figure) write(file string) error {
	var out strings.Builder
	height, panelWidth := panelHeight+above+below, wholeWidth/float64(len(f.panels))
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" role="img" aria-label="%s">`, wholeWidth, height, f.title)
	fmt.Fprintf(&out, "<style>%s</style>\n<rect class=\"page\" width=\"100%%\" height=\"100%%\"/>\n", style)
	fmt.Fprintf(&out, `<text class="text" x="%.0f" y="22" font-size="14" font-weight="600">%s</text>`+"\n", left, f.title)
	for i, p := range f.panels {
		fmt.Fprintf(&out, `<g transform="translate(%.0f %.0f)">`+"\n", panelWidth*float64(i), above)
		p.draw(&out, panelWidth)
		out.WriteString("</g>\n")
	}
	out.WriteString("</svg>\n")
	return os.WriteFile(file, []byte(out.String()), 0o666)
}

func (p panel) draw(out *strings.Builder, width float64) {
	longest := 0.0
	for _, c := range p.curves {
		// The last hundredth would squeeze all the rest to the left.
		longest = max(longest, rank(slices.Sorted(slices.Values(c.seconds)), 0.99))
	}
	step := tick(longest)
	longest = step * math.Ceil(longest*1.02/step)
	x := func(s float64) float64 { return left + min(s, longest)/longest*(width-left-right) }
	y := func(share float64) float64 { return panelHeight * (1 - share) }
	fmt.Fprintf(out, `<text class="text" x="%.0f" y="-14">%s</text>`+"\n", left, p.title)
	for _, share := range []float64{0, 0.25, 0.5, 0.75, 1} {
		fmt.Fprintf(out, `<line class="grid" x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f"/><text class="text" x="%.1f" y="%.1f" text-anchor="end">%.0f %%</text>`+"\n",
			x(0), x(longest), y(share), y(share), left-6, y(share)+4, share*100)
	}
	for at := 0.0; at <= longest*1.001; at += step {
		fmt.Fprintf(out, `<line class="axis" x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f"/><text class="text" x="%.1f" y="%.1f" text-anchor="middle">%s</text>`+"\n",
			x(at), x(at), y(0), y(0)+4, x(at), y(0)+18, fmt.Sprintf("%.3g s", at))
	}
	for i, c := range p.curves {
		sorted := slices.Sorted(slices.Values(c.seconds))
		var path strings.Builder
		fmt.Fprintf(&path, "M%.1f %.1f", x(max(0, sorted[0])), y(0))
		for percent := 1; percent <= 100; percent++ {
			share := float64(percent) / 100
			fmt.Fprintf(&path, " L%.1f %.1f", x(max(0, rank(sorted, share))), y(share))
		}
		fmt.Fprintf(out, `<path class="curve %s" d="%s"/>`+"\n", looks[c.name], path.String())
		lx, ly := left+float64(i%2)*(width-left-right)/2, panelHeight+38+float64(i/2)*18
		fmt.Fprintf(out, `<line class="curve %s" x1="%.0f" x2="%.0f" y1="%.0f" y2="%.0f"/><text class="text" x="%.0f" y="%.0f">%s</text>`+"\n",
			looks[c.name], lx, lx+22, ly, ly, lx+28, ly+4, c.name)
	}
}

// tick is a round step that gives three to seven marks.
func tick(longest float64) float64 {
	if longest <= 0 {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(longest)))
	for _, part := range []float64{0.2, 0.5, 1, 2} {
		if longest/(power*part) <= 6 {
			return power * part
		}
	}
	return power * 5
}
