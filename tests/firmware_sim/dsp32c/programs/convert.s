// Every conversion [dsp32c.md 5.3]: integers, bytes and IEEE singles to float words and back.
        dauc = 12                       // linear bytes: ic and oc without companding
        r1e = in16 ; r2e = out ; r3e = in8 ; r4e = in24 ; r6e = ieee1
        *r2++ = a0 = float(*r1++)       // -3
        *r2++ = a0 = float(*r1++)       // 32767
        *r2++ = a0 = ic(*r3++)          // 200
        *r2++ = a0 = float24(*r4++)     // -5
        *r2++ = a0 = dsp(*r6++)         // -1.5
        r7e = values ; r8e = ints ; r9e = back ; r10e = long1 ; r11e = byte1
        *r8++ = a1 = int(*r7++)         // 2.5 -> 3: ties upwards
        *r8++ = a1 = int(*r7++)         // -2.5 -> -2
        *r8++ = a1 = int(*r7++)         // 40000 -> 32767: saturates
        *r10++ = a1 = int24(*r7)        // -70000
        *r9++ = a1 = ieee(*r7++)        // 0xc788b800
        *r11++ = a1 = oc(*r7++)         // 300 -> 255
        *r11++ = a1 = oc(*r7++)         // -1 -> 0
        3*nop
halt:   goto halt ; nop
        org 0x800
in16:   int -3, 32767
in8:    byte 200
in24:   int24 -5
ieee1:  word 0xbfc00000
values: float 2.5, -2.5, 40000, -70000, 300, -1
ints:   int 0, 0, 0
long1:  word 0
back:   word 0
byte1:  byte 9, 9, 9, 9
out:    float 0, 0, 0, 0, 0

//= floats out = -3, 32767, 200, -5, -1.5
//= word ints = 0xfffe0003
//= word ints + 4 = 0x7fff
//= word long1 = 0xfffeee90
//= word back = 0xc788b800
//= word byte1 = 0x090900ff
