// Two filters whose lags are the chip's latencies: 3 for a factor, 4 for a store [dsp32c.md 7, 15.1].
//
//      y[n] = m[n] + y[n - 3] / 2,   m[n] read where y[n - 4] was stored: it is there
//      z[n] = m[n] + z[n - 3] / 2,   m[n] read where z[n - 3] was stored: what was there before
//
// With any other latency either differs.
        r2e = half
        r1e = y ; r3e = ahead
        a0 = *r2 - *r2 ; 3*nop          // 0, in all its history
        do 0,7
        *r3++ = a0 = *r1++ + a0 * *r2
        a0 = *r2 - *r2 ; 3*nop
        r1e = z ; r3e = old
        do 0,5
        *r3++ = a0 = *r1++ + a0 * *r2
        3*nop
halt:   goto halt ; nop
        org 0x800
half:   float 0.5
y:      float 1, 0, 0, 8            // y[-4] to y[-1]
ahead:  float 9, 9, 9, 9, 9, 9, 9, 9
z:      float 2, 0, 4
old:    float 16, 64, 1, 9, 9, 9

// 1, 0, 0, 8 + 1/2, then 1 + 0, 0 + 0, 0 + 4.25, 8.5 + 1/2
//= floats ahead = 1, 0, 0, 8.5, 1, 0, 4.25, 9
// 2, 0, 4, then 16 + 1, 64 + 0, 1 + 2
//= floats old = 2, 0, 4, 17, 64, 3
