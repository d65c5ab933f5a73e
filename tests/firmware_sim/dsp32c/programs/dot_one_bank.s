// Code, x and w in one bank: 6 states for each multiply-accumulate instead of 4 [dsp32c.md 4.4].
        r1e = x ; r2e = w
        do 0,9
        a0 = a3 + *r1 * *r2
halt:   goto halt ; nop
x:      float 3
w:      float -2

// r1, r2 and do: 4 states each; 10 products of 6
//= a0 = -6
//= states = 72
//= stalls = 20
