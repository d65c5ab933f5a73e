"""From kernels to machine code: in the order of this list.

    scale      powers of two ride on the constants; of a requantize a floor and a clamp are left
    postpone   rounding waits until after a maximum
    shape      loops are staged, split and unrolled into what a zero-overhead loop can hold
    spell      (isa/) each statement becomes instructions over streams of memory accesses
    peel       the last turn of a multiply-accumulate loop stands by itself
    thread     streams become pointers, steps become post-increments
    schedule   latencies are respected, loops become `do` or counted branches
    clock      loops over time run around whole kernels
"""
