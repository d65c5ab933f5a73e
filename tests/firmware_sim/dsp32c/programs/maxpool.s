// 2x2 maxima of a 4-wide image: 7 cycles an output, selected by ifalt [dsp32c.md 9.4].
        r1e = image ; r2e = out
        r15e = 12                       // to the next row's left pixel
        r16e = -12                      // to the next window's upper left pixel
        do 6,1
        a0 = *r1++
        a1 = a0 - *r1
        a0 = ifalt(*r1++r15)
        a1 = a0 - *r1
        a0 = ifalt(*r1++)
        a1 = a0 - *r1
        *r2++ = a0 = ifalt(*r1++r16)
halt:   goto halt ; nop
        org 0x800
image:  float 1, 5, -2, -7
        float 3, 2, -9, -4
out:    float 0, 0

//= floats out = 5, -2
//= r1 = image + 16
