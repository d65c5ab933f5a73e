// Code, x and w in one bank: 6 states for each multiply-accumulate instead of 4 [dsp32c.md 4.4];
// a `do` of one fetches it once alone: 5 states.
        r1e = x ; r2e = w
        do 1,4
        a0 = a3 + *r1 * *r2
        a1 = a3 + *r1 * *r2
        do 0,9
        a1 = a3 + *r1 * *r2
halt:   goto halt ; nop
x:      float 3
w:      float -2

// r1, r2 and do: 4 states each; 10 products of 6, then one of 6 and 9 of 5
//= a0 = -6
//= a1 = -6
//= states = 127
//= stalls = 31
