// Bit-reversed increments: an 8-word buffer visited in FFT order, by the CAU and by a Z pointer.
        r1e = data ; r15e = 16 ; r2e = swapped
        do 1,7
        *r2++r15r = a0 = *r1++          // carries run from bit 23 down
        nop
        r3e = 0x900 ; r5e = 16
        r3e = r3e + r5r                 // 0x910
        r3e = r3e + r5r                 // 0x908
        r3e = r3e + r5r                 // 0x918
halt:   goto halt ; nop
        org 0x840
data:   float 0, 1, 2, 3, 4, 5, 6, 7
        org 0x900
swapped: float 9, 9, 9, 9, 9, 9, 9, 9

//= floats swapped = 0, 4, 2, 6, 1, 5, 3, 7
//= r3 = 0x918
