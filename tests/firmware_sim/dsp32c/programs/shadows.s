// Too early a read sees the old value: multiplier 3, store 4, DAU flags at a goto 4 [dsp32c.md 7].
        r1e = five ; r2e = cell ; r3e = out ; r4e = out
        a0 = *r1                        // a0 = 5, was 0
        *r3++ = a1 = a0 + a0            // adder sees 5; multiplier still 0:    5
        *r3++ = a1 = a0 + a0            // still 0:                             5
        *r3++ = a1 = a0 + a0            // 5 + 5:                              10
        *r2 = a2 = a0                   // cell = 5, was 1
        *r3++ = a1 = *r2                // d = 1:                               1
        *r3++ = a1 = *r2                // d = 2:                               1
        *r3++ = a1 = *r2                // d = 3:                               1
        *r3++ = a1 = *r2                // d = 4:                               5
        a1 = -*r1                       // N set; all flags older were clear
        if (alt) goto wrong             // d = 1
        if (alt) goto wrong             // d = 2
        if (alt) goto wrong             // d = 3
        if (alt) goto right             // d = 4
        r5 = 1                          // delay slot: always
        r5 = 2
wrong:  r6 = 1
right:  nop
halt:   goto halt ; nop
        org 0x800
five:   float 5
cell:   float 1
out:    float 0, 0, 0, 0, 0, 0, 0

//= floats out = 5, 5, 10, 1, 1, 1, 5
//= r5 = 1
//= r6 = 0
//= r4 = out
