"""From kernels to machine code: scale, shape, spell, thread, schedule, in that order.

    scale      powers of two ride on the constants; of a requantize a floor and a clamp are left
    shape      loops are staged, split and unrolled into what a zero-overhead loop can hold
    spell      (isa/) each statement becomes instructions over streams of memory accesses
    thread     streams become pointers, steps become post-increments
    schedule   latencies are respected, loops become `do` or counted branches
"""
