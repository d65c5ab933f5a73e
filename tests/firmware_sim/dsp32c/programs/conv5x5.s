// A 5x5 convolution over 5 rows of 6, two outputs, 25 cycles each [dsp32c.md 9.2].
        r1e = image ; r2e = weights ; r3e = out ; r4e = bias
        r15e = 8                        // 4 * (W - 4): from tap 5 to the next row
        r16e = -108                     // 4 - 4 * (4 * W + 4): back to the next window
        r17e = -96                      // rewind 24 weights
        a3 = *r4
        do 24,1
        a0 = a3 + *r1++ * *r2++
        a0 = a0 + *r1++ * *r2++
        a0 = a0 + *r1++ * *r2++
        a0 = a0 + *r1++ * *r2++
        a0 = a0 + *r1++r15 * *r2++
        a0 = a0 + *r1++ * *r2++
        a0 = a0 + *r1++ * *r2++
        a0 = a0 + *r1++ * *r2++
        a0 = a0 + *r1++ * *r2++
        a0 = a0 + *r1++r15 * *r2++
        a0 = a0 + *r1++ * *r2++
        a0 = a0 + *r1++ * *r2++
        a0 = a0 + *r1++ * *r2++
        a0 = a0 + *r1++ * *r2++
        a0 = a0 + *r1++r15 * *r2++
        a0 = a0 + *r1++ * *r2++
        a0 = a0 + *r1++ * *r2++
        a0 = a0 + *r1++ * *r2++
        a0 = a0 + *r1++ * *r2++
        a0 = a0 + *r1++r15 * *r2++
        a0 = a0 + *r1++ * *r2++
        a0 = a0 + *r1++ * *r2++
        a0 = a0 + *r1++ * *r2++
        a0 = a0 + *r1++ * *r2++
        *r3++ = a0 = a0 + *r1++r16 * *r2++r17
halt:   goto halt ; nop

        org 0x800
image:  float 0, 1, 2, 3, 4, 5,  0, 1, 2, 3, 4, 5,  0, 1, 2, 3, 4, 5
        float 0, 1, 2, 3, 4, 5,  0, 1, 2, 3, 4, 5
        org 0x1000
out:    float 0, 0
bias:   float 0.5
        org 0xfff800
weights: float 1, 1, 1, 1, 1,  1, 1, 1, 1, 1,  1, 1, 2, 1, 1,  1, 1, 1, 1, 1,  1, 1, 1, 1, 1

// rows of 0+1+2+3+4 = 10, five of them, the middle 2 twice, the bias; then one column on
//= floats out = 52.5, 78.5
//= r2 = weights
//= r1 = image + 8
// 7 constants, 1 bias, do, 2 * 25
//= states = 236
