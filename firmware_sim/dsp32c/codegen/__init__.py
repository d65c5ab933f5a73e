"""From kernels to machine code: in the order of this list.

    scale                  powers of two ride on the constants; a requantize becomes a floor
    delayed_requantize     rounding waits until after a maximum
    fuse                   neighbouring kernels share their outer loop
    local_copies           what inner loops reuse is copied on chip first
    shape                  loops are split and unrolled into what a zero-overhead loop can hold
    instruction_selection  each statement becomes instructions over streams of memory accesses
    peel                   the last turn of a multiply-accumulate loop stands by itself
    address_generation     streams become pointers, steps become post-increments
    schedule               latencies are respected, loops become `do` or counted branches
    time_loops             loops over time run around whole kernels
"""
