// FFT of 1,024 complex points, radix 4: five passes of 256 butterflies, in order in, in order out.
//
//   in   x     1,024 pairs of floats, real and imaginary
//   out  y     their transform, y[k] = sum over n of x[n] * exp(-2 pi i n k / 1024)
//
// `fft` to `halt` is the transform; what comes first makes its factors, once and for all.
//
// The first pass has no factors: 16 additions a butterfly, none of them waits for another, because a
// factor is seen three instructions late: `a1 = a0 + a1 ; a0 = a0 - a1` subtracts what was added. It
// leaves its results where the reversed bits of n say, by stores that step with reversed carries.
//
// The others are one loop of 25 instructions. With p = w1 b, q = w2 c and s = w3 d a butterfly gives
// a + q + (p + s), a - q - i (p - s), a + q - (p + s), a - q + i (p - s); one of each pair costs its
// products, the other is twice a term less the first. Results go where operands were: c is read a
// last time three instructions after its place was stored to, one before it would be too late.
//
// Code in RAM2, factors in RAM1 (the last pass's from RAM0 on), points outside.

        r17 = -12 ; r19 = 12

// factors of the last pass, [w2r, w1r, w1i, w3r, w3i, w2i] for k = 0 to 255: first all w1, twice as
// many each time, then their squares and cubes
        r1e = factors ; r2e = one ; r3e = factors + 4
        r15 = 20 ; r16 = 24
        *r3++ = a0 = *r2++
        *r3++r15 = a0 = *r2
        r2e = powers
        r5 = 0 ; r6 = 6                 // 1, 2, 4... times, eight doublings
double: r1e = factors + 4
        2*nop
        do 5,r5
        a0 = *r1++ * *r2++
        a0 = a0 - *r1-- * *r2
        a1 = *r1++ * *r2--
        a1 = a1 + *r1++r15 * *r2
        *r3++ = a0 = round(a0)
        *r3++r15 = a1 = round(a1)
        r5 = r5 * 2
        r5 = r5 + 1
        if (r6-- >= 0) goto double
        r2e = r2e + 8

        r1e = factors + 4 ; r2e = factors + 4
        r3e = factors ; r4e = factors + 20 ; r5e = factors + 12
        r18 = 24
        do 13,255
        a0 = *r1++ * *r2++
        a0 = a0 - *r1 * *r2--
        *r3++r18 = a0 = round(a0)       // w2r
        a1 = *r1 * *r2
        a1 = a1 + *r1-- * *r2++r18
        *r4++r18 = a1 = round(a1)       // w2i
        2*nop
        a2 = *r1++ * a0
        a2 = a2 - *r1 * a1
        *r5++ = a2 = round(a2)          // w3r
        a3 = *r1-- * a0
        a3 = a3 + *r1++r18 * a1
        *r5++r15 = a3 = round(a3)       // w3i

// every 4th, 16th, 64th of them for the passes before
        r2e = pass4
        r1e = factors ; r15 = 76 ; r5 = 63
        call pick (r22)
        nop
        r2e = pass3
        r1e = factors ; r15 = 364 ; r5 = 15
        call pick (r22)
        nop
        r2e = pass2
        r1e = factors ; r15 = 1516 ; r5 = 3
        call pick (r22)
        nop

fft:    r1e = x ; r2e = x + 2048 ; r3e = x + 4096 ; r4e = x + 6144
        r5e = y ; r6e = y + 4 ; r7e = y + 8 ; r8e = y + 12
        r9e = y + 16 ; r10e = y + 20 ; r11e = y + 24 ; r12e = y + 28
        r15e = 0x1000 ; r16 = 8         // half of y: the first step of reversed bits
        do 15,255
        a0 = *r1++ + *r3++
        a1 = *r2++ + *r4++
        a2 = *r1-- + *r3--
        a3 = *r2 + *r4
        *r5++r15r = a1 = a0 + a1        // y0
        *r9++r15r = a0 = a0 - a1        // y2
        *r6++r15r = a3 = a2 + a3
        *r10++r15r = a2 = a2 - a3
        a0 = *r1++ - *r3++
        a1 = *r2-- - *r4--
        a2 = *r1++ - *r3++
        a3 = *r2++r16 - *r4++r16
        *r7++r15r = a1 = a0 + a1        // y1
        *r11++r15r = a0 = a0 - a1       // y3
        *r12++r15r = a3 = a2 + a3
        *r8++r15r = a2 = a2 - a3

        r10e = scratch ; r11e = scratch ; r14e = two
        r12e = -8184 ; r13 = 24 ; r16 = -20
        r5e = pass2                     // blocks of 4: 4 factors, each for 64 groups
        r3e = y + 32 ; r2e = y + 64 ; r4e = y + 96
        r15 = 124 ; r18 = 128
        r20 = 2
        call pass (r22)
        r21 = 63
        r5e = pass3                     // of 16: 16 factors, each for 16 groups
        r3e = y + 128 ; r2e = y + 256 ; r4e = y + 384
        r15 = 508 ; r18 = 512
        r20 = 14
        call pass (r22)
        r21 = 15
        r12e = 1536 ; r13e = -1536 ; r16 = 4
        r5e = pass4                     // of 64: 4 groups, each with 64 factors
        r3e = y + 512 ; r2e = y + 1024 ; r4e = y + 1536
        r15 = 4 ; r18 = 8
        r20 = 2
        call pass (r22)
        r21 = 63
        r5e = factors                   // of 256
        r3e = y + 2048 ; r2e = y + 4096 ; r4e = y + 6144
        r20 = -1
        call pass (r22)
        r21 = 255
halt:   goto halt
        nop

// r5 + 1 times 6 words from r1, then a step of r15
pick:   do 5,r5
        *r2++ = a0 = *r1++
        *r2++ = a0 = *r1++
        *r2++ = a0 = *r1++
        *r2++ = a0 = *r1++
        *r2++ = a0 = *r1++
        *r2++ = a0 = *r1++r15
        return (r22)
        nop

// r20 + 2 rows of r21 + 1 butterflies, r18 apart; from row to row r12, and r13 among factors
pass:   r1e = y
        r6e = r1e ; r7e = r3e ; r8e = r2e ; r9e = r4e
row:    do 24,r21
        a3 = *r5++                      // w2r
        a0 = *r2++ * *r5++              // p = w1 b, real
        a0 = a0 - *r2 * *r5++
        a1 = a0 + *r4++ * *r5++
        *r10++r19 = a1 = a1 - *r4 * *r5++r17
        *r10-- = a2 = -a1 + a0 * *r14
        a0 = *r2-- * *r5++              // imaginary
        a0 = a0 + *r2++r18 * *r5++
        a1 = a0 + *r4-- * *r5++
        *r10-- = a1 = a1 + *r4++r18 * *r5++
        *r10-- = a2 = -a1 + a0 * *r14
        a0 = *r1 + a3 * *r3++           // a + q, real
        a0 = a0 - *r3 * *r5
        a1 = -a0 + *r1++ * *r14         // a - q
        *r6++ = a2 = a0 + *r11
        *r8++ = a2 = a0 - *r11++
        *r7++ = a2 = a1 + *r11
        *r9++ = a2 = a1 - *r11++
        a0 = *r1 + a3 * *r3--           // imaginary
        a0 = a0 + *r3++r18 * *r5++r16
        a1 = -a0 + *r1++r15 * *r14
        *r6++r15 = a2 = a0 + *r11
        *r8++r15 = a2 = a0 - *r11++
        *r7++r15 = a2 = a1 - *r11
        *r9++r15 = a2 = a1 + *r11++r17
        r1e = r1e + r12e ; r2e = r2e + r12e ; r3e = r3e + r12e ; r4e = r4e + r12e
        r6e = r6e + r12e ; r7e = r7e + r12e ; r8e = r8e + r12e ; r5e = r5e + r13e
        if (r20-- >= 0) goto row
        r9e = r9e + r12e
        return (r22)
        nop

one:    float 1, 0
// exp(-2 pi i / 1024) to the power of 1, 2, 4, 8, 16, 32, 64, 128
powers: float 0.999981175, -0.006135885
        float 0.999924702, -0.012271538
        float 0.999698819, -0.024541229
        float 0.998795456, -0.049067674
        float 0.995184727, -0.098017140
        float 0.980785280, -0.195090322
        float 0.923879533, -0.382683432
        float 0.707106781, -0.707106781
        org 0x800
two:    float 2
scratch: float 0, 0, 0, 0               // p + s and p - s
        org 0x820
factors: word 0
        org 0x4000
y:      word 0                          // where 13 bits are zero
        org 0x6000
x:      float 0, 0, 1, 0                // in the example x[1] = 1: y[k] = exp(-2 pi i k / 1024)
        org 0xfff800
pass2:  word 0
        org 0xfff860
pass3:  word 0
        org 0xfff9e0
pass4:  word 0
