// What people write: a number taken from another register, moves under a condition, reversed
// carries, right sides without e, capitals, a constant and repeated data.
TAPS    equ     2 * (1 << 2)
        R5 = 7
        r4 = r5 - 2
        r6 = 3
        r5 - r6
        IF (lt) r7 = r5                 // not less
        if (gt) r8 = r6
        r10 = 16
        r9 = r9 # r10
        r9 = r9 # r10                   // the carry goes down: 16 and 16 are 8
        r11e = r5 + r6
        r12e = words + 4*TAPS - 4       // the last of them
        r13e = *r12
        nop
        r14e = -r11
halt:   goto $
        nop
        .align 16
words:  (TAPS-1)*int24 5
        int24 6
//= r4 = 5
//= r7 = 0
//= r8 = 3
//= r9 = 8
//= r11 = 10
//= r12 = words + 28
//= r13 = 6
//= r14 = -10
