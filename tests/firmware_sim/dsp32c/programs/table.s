// A function by table: scale, round, index, look up [dsp32c.md 9.5].
        r1e = x ; r2e = scale ; r4e = index ; r6e = table ; r3e = y
        a1 = *r1                        // x = 0.7
        nop
        nop                             // a1 reaches the multiplier three instructions later
        a2 = a1 * *r2                   // 2.8
        *r4 = a3 = int(a2)              // 3
        3*nop                           // the store lands
        r5 = *r4
        nop                             // the load lands
        r5e = r5e * 2
        r5e = r5e * 2
        r5e = r5e + r6e
        *r3 = a0 = *r5
halt:   goto halt ; nop
        org 0x800
x:      float 0.7
scale:  float 4
index:  word 0
y:      float 0
table:  float 0, 1, 4, 9, 16

//= r5 = table + 12
//= floats y = 9
//= word index = 3
