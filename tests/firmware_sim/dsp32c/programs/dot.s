// Dot product of 4, three banks: one multiply-accumulate a cycle, n + 2 cycles [dsp32c.md 9.1].
        r1e = x ; r2e = w ; r3e = y
        a0 = *r1++ * *r2++
        do 0,2
        a0 = a0 + *r1++ * *r2++
        *r3++ = a1 = a0
halt:   goto halt ; nop

        org 0x800                       // RAM0
x:      float 1, 2, 3, 4
y:      float 99
        org 0xfff800                    // RAM1
w:      float 0.5, -1, 2, 0.25

// 0.5 - 2 + 6 + 1; 3 set-up instructions and n + 2 = 6 of the recipe, 4 states each
//= floats y = 5.5
//= a0 = 5.5
//= r1 = x + 16
//= states = 36
//= stalls = 0
