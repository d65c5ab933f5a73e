// Size normalisation on the DSP32C: `data/normalise.py` for zip codes, Style((16, 16), 16, False),
// bit for bit. What is written, cut out, comes as bytes; its size is data.
//
//   in   height, width   int24, 1 to 128 each
//        ink             height * width bytes, row by row, 0 background, 255 ink
//   out  picture         16 x 16 int24, 0 to 255
//
// First down, a whole row of ink at a time, then across, a whole column at a time: of each old row
// (column) a new one takes a weight, a whole number of at most 32, as data/resample.py has it. Sums
// are below 255 * 128 * 128 < 2^22: floats of 24 bits hold them exactly.
//
// A pixel is e / t half up, e its sum and t that of all weights, at most 2^14. e / t + 1/2 is a
// multiple of 1/2t; with 1/4t on top it is at least 1/4t >= 2^-16 away from where its floor changes.
// 1/t in two pieces of 24 bits, and accumulators of 32 for values below 256, are wrong by less than
// 2^-22. So `int24`, to nearest, is exact, whichever way the adder rounds.

        dauc = 4                        // ic: bytes are 0 to 255
        r1e = height
        r2e = *r1++
        r3e = *r1++
        r5e = r2e
        r2e - r3e
        if (lt) r5e = r3e + r0e         // the longer side
        r6e = r5e * 2
        call in_box (r14)
        r4e = r2e
        *r1++ = r7e                     // rows
        call in_box (r14)
        r4e = r3e
        *r1++ = r7e                     // columns

        r1e = rows
        r8e = *r1
        r21e = r3e - 1
        r2e = zero
        a0 = *r2
        r4e = sums
        do 0,255
        *r4++ = a0 = a0
        r5 = r8 + -2
        r4e = between
clear:  do 0,r21
        *r4++ = a0 = a0
        if (r5-- >= 0) goto clear
        nop

// down: rows of ink to rows of between
        r1e = height
        r8e = *r1++
        r18e = *r1++
        r9e = *r1
        r7e = r18e - 1
        r19e = r18e * 2
        r19e = r19e * 2
        r10e = ink
        r11e = between
        r12e = 0
        r13e = down
        call walk (r22)
        r1e = weight
        r2e = taken
        *r2 = r6e

// across: columns of between to columns of sums, which stand in the middle
        r16e = r19e                     // from row to row of between
        r17e = 64                       // of sums
        r18e = 4
        r19e = 4
        r1e = width
        r8e = *r1++
        r7e = *r1++
        r9e = *r1
        r11e = sums
        r5e = 16
        r5e = r5e - r7e
        r5e = r5e / 2
        do 5,0
        r5e = r5e * 2
        r5e = r5e * 2
        r5e = r5e * 2
        r5e = r5e * 2
        r5e = r5e * 2
        r5e = r5e * 2
        r11e = r11e + r5e               // 64 bytes a row above
        r5e = 16
        r5e = r5e - r9e
        r5e = r5e / 2
        r5e = r5e * 2
        r5e = r5e * 2
        r11e = r11e + r5e               // 4 a column on the left
        r7e = r7e - 1
        r10e = between
        r13e = across
        call walk (r22)
        r1e = weight
        r2e = taken + 4
        *r2 = r6e

// 1 / t by Newton: x becomes x * (2 - t * x); the seed is wrong by at most 1/8
        r2e = taken
        r3e = total
        r4e = two
        a0 = float24(*r2++)
        a1 = float24(*r2)
        2*nop
        *r3 = a2 = a0 * a1
        3*nop
        a3 = seed(*r3)
        2*nop
        do 5,3
        a0 = *r4 - a2 * a3
        2*nop
        a3 = a0 * a3
        2*nop
        r4e = one
        r5e = quarter
        a0 = *r4 - a2 * a3              // exact: what is left over
        a1 = a3 * *r5                   // 1 / 4t
        nop
        a0 = a0 * a3                    // the second piece
        r2e = sums
        r3e = picture
        do 2,255
        a2 = a1 + *r2 * a3
        a2 = a2 + *r2++ * a0
        *r3++ = a2 = int24(a2)
halt:   goto halt
        nop

// r7 = the size of r4 in the box, at least 1: (32 * r4 + longer) // (2 * longer). r5, r6: those
in_box: r4e = r4e * 2
        r4e = r4e * 2
        r4e = r4e * 2
        r4e = r4e * 2
        r4e = r4e * 2
        r4e = r4e + r5e
        r7e = -1
again:  r4e = r4e - r6e
        if (ge) goto again
        r7e = r7e + 1
        r7e - 1
        if (lt) r7e = r7e + 1
        return (r14)
        nop

// Which old pixels new ones take, and how much of each: routine r13 is called with the weight in r5
// and at r1, for old pixel r10 and new pixel r11. r8 old pixels, r9 new ones; r18, r19: the steps
// from one to the next. r6 = the sum of a new pixel's weights
walk:   r15e = r9e + -2
        r8e - r9e
        if (lt) goto grow
        r21e = r8e                      // what the new pixel still wants
        r20e = r9e                      // what the old one still has
        r6e = r8e
shrink: r5e = r20e
        r20e - r21e
        if (gt) r5e = r21e + r0e
        call r13 (r14)
        *r1 = r5e
        r20e = r20e - r5e
        if (ne) goto wants
        r21e = r21e - r5e
        r10e = r10e + r18e
        r20e = r9e
wants:  r21e - 0
        if (ne) goto shrink
        nop
        r11e = r11e + r19e
        if (r15-- >= 0) goto shrink
        r21e = r8e
        return (r22)
        nop

grow:   r6e = r9e * 2                   // from centre to centre of the old ones
        r21e = r8e - r9e                // the new centre's distance to the old one before it
        r20e = r8e - 1                  // old ones to come
new:    r21e - 0
        if (le) goto edge
        r5e = r6e
        r20e - 0
        if (eq) goto edge
        nop
        r5e = r6e - r21e
        call r13 (r14)
        *r1 = r5e
        r10e = r10e + r18e
        r5e = r21e
        call r13 (r14)
        *r1 = r5e
        goto next
        r10e = r10e - r18e
edge:   call r13 (r14)
        *r1 = r5e
next:   r11e = r11e + r19e
        r21e = r21e + r8e
        r21e = r21e + r8e
        r21e - r6e
        if (lt) goto stay
        nop
        r21e = r21e - r6e
        r20e = r20e - 1
        r10e = r10e + r18e
stay:   if (r15-- >= 0) goto new
        nop
        return (r22)
        nop

// r7 + 1 pixels of a row of ink
down:   a1 = float24(*r1)
        r10e - r12e
        if (eq) goto ready              // it is in row already
        r3e = row
        r12e = r10e
        r4e = r10e
        r2e = row
        do 0,r7
        *r2++ = a0 = ic(*r4++)
ready:  r4e = r11e
        r2e = r11e
        do 0,r7
        *r2++ = a0 = *r4++ + a1 * *r3++
        return (r14)
        nop

// r7 + 1 pixels of a column
across: a1 = float24(*r1)
        r3e = r10e
        r4e = r11e
        r2e = r11e
        do 0,r7
        *r2++r17 = a0 = *r4++r17 + a1 * *r3++r16
        return (r14)
        nop

        org 0x800
sums:   float 0                         // 256 of them
        org 0xc00
height: int24 2                         // as an example, a stroke of 2 x 1
width:  int24 1
rows:   int24 0
columns: int24 0
weight: int24 0
taken:  int24 0, 0
total:  float 0
zero:   float 0
quarter: float 0.25
one:    float 1
two:    float 2
        org 0xfff800
row:    float 0
        org 0x1000
between: float 0
        org 0x3000
picture: int24 0
        org 0x4000
ink:    byte 255, 85
        word 0

// 16 rows and 8 columns, the fourth to the eleventh. Centres of the old rows are 32 apart, in row 4
// one is 2 past the first: (30 * 255 + 2 * 85) / 32; in row 11 it is 30 past
//= word rows = 16
//= word columns = 8
//= word picture + 12 = 0
//= word picture + 16 = 255
//= word picture + 272 = 244
//= word picture + 720 = 96
//= word picture + 1004 = 85
//= word picture + 1008 = 0
