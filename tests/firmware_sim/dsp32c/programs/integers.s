// The CAU alone: a subroutine that sums bytes, a loop counter, logic, shifts, conditions.
        r1e = bytes ; r2e = result
        call sum (r14)
        r3 = 3                          // delay slot; the body runs count + 2 times
        *r2++ = r4                      // 5 bytes: 1 + 2 + 250 + 4 + 5
        r5 = r4
        r5 = r5 & 0xf                   // 262 = 0x106 -> 6
        r5 = r5 * 2                     // 12
        r5 = r5 ^ 0xff                  // 0xf3
        r6 = r5 >> 1                    // 0x79, carry 1
        if (cs) r7 = r6 + -1            // 0x78
        if (cc) r7 = r6 + 1             // not executed
        r8e = 0x800000
        r8e = r8e / 2                   // arithmetic: 0xc00000
        r9 = r5 - r4                    // 0xf3 - 0x106 = -19, borrow
        if (mi) goto done
        nop
        r9 = 0
done:   *r2 = r9e
halt:   goto halt ; nop
sum:    r4 = 0
again:  r10l = *r1++
        nop                             // a load is seen by the second instruction after
        if (r3-- >= 0) goto again
        r4 = r4 + r10
        return (r14)
        nop

        org 0x800
bytes:  byte 1, 2, 250, 4, 5
result: int 0
negative: word 0

//= r4 = 262
//= r1 = bytes + 5
//= r3 = -2
//= r5 = 0xf3
//= r6 = 0x79
//= r7 = 0x78
//= r8 = 0xc00000
//= r9 = -19
//= r14 = 16
//= word negative = -19
