package isn

func DebugLine(samples []Sample) {
	v := newView(samples)
	groups := v.repeated(2)
	g, n := commonDivisor(groups, 12), 0
	l := fitLine(groups, float64(g))
	println("gcd", g, n, "hz", int(l.hz), "inl", l.inliers, l.total, "bits", int(l.bits))
	p := fitPlane(v.points, 1)
	println("plane hz", int(p.hz), "step", int(p.step), "inl", p.inliers, p.total, "bits", int(p.bits), p.apart, "err", int(p.stepErr))
}
