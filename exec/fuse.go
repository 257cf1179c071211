package exec

// pairs are the operations that the loop runs two at a time: what compilers and
// hand-written loops put side by side, and each saves a dispatch. The first
// instruction gets the operation of the pair, the second stays as it is and where it
// is, so that jumps to it, numbers of instructions and steps are not touched.
var pairs = map[[2]op]op{
	{opAddK, opAddK}:  opAddKAddK,
	{opAddK, opAddX}:  opAddKAddX,
	{opAddK, opXorX}:  opAddKXorX,
	{opAddK, opOrX}:   opAddKOrX,
	{opAddK, opSubX}:  opAddKSubX,
	{opAddX, opAddK}:  opAddXAddK,
	{opAddX, opAddX}:  opAddXAddX,
	{opAddX, opXorX}:  opAddXXorX,
	{opAddX, opOrX}:   opAddXOrX,
	{opAddX, opSubX}:  opAddXSubX,
	{opXorX, opAddK}:  opXorXAddK,
	{opXorX, opAddX}:  opXorXAddX,
	{opXorX, opXorX}:  opXorXXorX,
	{opXorX, opOrX}:   opXorXOrX,
	{opXorX, opSubX}:  opXorXSubX,
	{opOrX, opAddK}:   opOrXAddK,
	{opOrX, opAddX}:   opOrXAddX,
	{opOrX, opXorX}:   opOrXXorX,
	{opOrX, opOrX}:    opOrXOrX,
	{opOrX, opSubX}:   opOrXSubX,
	{opSubX, opAddK}:  opSubXAddK,
	{opSubX, opAddX}:  opSubXAddX,
	{opSubX, opXorX}:  opSubXXorX,
	{opSubX, opOrX}:   opSubXOrX,
	{opSubX, opSubX}:  opSubXSubX,
	{opAddK, opJneK}:  opAddKJneK,
	{opAddK, opJneX}:  opAddKJneX,
	{opAddK, opJltX}:  opAddKJltX,
	{opMovX, opAddK}:  opMovXAddK,
	{opLshK, opRshK}:  opLshKRshK,
	{opLshK, opArshK}: opLshKArshK,
	{opRshK, opAndK}:  opRshKAndK,
	{opAndK, opJneK}:  opAndKJneK,
	{opAndK, opJeqK}:  opAndKJeqK,
}

// fuse puts pairs into plain code. None can fault, so that the machine's step never
// meets one.
func (c *Code) fuse() {
	for k := 0; k+1 < len(c.insns); k++ {
		if p, ok := pairs[[2]op{c.insns[k].op, c.insns[k+1].op}]; ok {
			c.insns[k].op = p
			k++
		}
	}
}
