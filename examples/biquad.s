// Four biquads in a row, an elliptic low pass of order 8: 19 cycles a value, four for each biquad.
//
//   in   x     256 floats
//   out  y     256 floats
//
// Direct form II, each biquad scaled so that its b0 is 1, and one gain before them all:
//      w = v - a1 w1 - a2 w2,   v' = w + b1 w1 + b2 w2,   then w2 = w1 and w1 = w
// All of it goes through a0 as a term, which has no latency. w is stored where w1 is and is seen there
// from the fourth instruction on: the next one still reads w1, and moves it to w2 (format 2); the one
// after it still reads w2.
//
// Code, factors, the w1 and the w2 lie in RAM2, RAM1, RAM0 and outside: no access ever waits,
// whatever the order.

        r1e = w1 ; r3e = w1             // read, stored
        r6e = w2 ; r4e = w2
        r2e = factors ; r9e = gain
        r7e = x ; r8e = y
        r16 = -12 ; r17 = -60           // back to the first biquad
        r5 = 254
        a0 = *r7++ * *r9
next:   do 3,2
        a0 = a0 + *r6 * *r2++
        *r3++ = a0 = a0 + *r1 * *r2++
        a0 = a0 + (*r4++ = *r1++) * *r2++
        a0 = a0 + *r6++ * *r2++
        a0 = a0 + *r6 * *r2++
        *r3++r16 = a0 = a0 + *r1 * *r2++
        a0 = a0 + (*r4++r16 = *r1++r16) * *r2++
        *r8++ = a0 = a0 + *r6++r16 * *r2++r17
        if (r5-- >= 0) goto next
        a0 = *r7++ * *r9
halt:   goto halt
        nop

        org 0x800
w1:     float 0, 0, 0, 0
x:      float 1                         // in the example an impulse
        org 0x2000
w2:     float 0, 0, 0, 0
y:      word 0
        org 0xfff800
gain:   float 0.0037872977
// -a2, -a1, b1, b2
factors: float -0.60943119, 1.51318738, 0.97503978, 1.00000000
        float -0.76584613, 1.45136468, -0.76749188, 1.00000000
        float -0.90125127, 1.40290605, -1.17497314, 1.00000000
        float -0.97453954, 1.39304119, -1.27728590, 1.00000000
