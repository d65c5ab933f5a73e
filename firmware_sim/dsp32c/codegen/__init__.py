"""From kernels to machine code, in the order of this list; those in `compile/` know no chip.

    unsigned_tables        tables of bytes, at addresses of which nothing is masked
    compile/joined_sums    sums over two vectors become sums over one
    memory_time            what is traded: memory for time                        `Choices`
      compile/segments       tables interpolated in steps
      compile/tables         tables with an entry for all that the proof allows
      pack                   weights of one or two bytes
    lookup                 stored indices are places in tables                    `Chosen`
    halves                 activations of 16 bits that are stored as integers
    scale, real            powers of two ride on the constants; a requantize becomes a floor
      segment_words          an interpolated table becomes lines
    compile/delayed_requantize  rounding waits until after a maximum
    compile/fuse           neighbouring kernels share their outer loop
    saturate               numbers scaled so that the chip saturates where a clamp would
    excess                 numbers stored with an excess, which floors them
    planner                every buffer gets a place (compile/lifetimes)          `Compilation`
    compile/local_copies   what inner loops reuse is copied on chip first
    shape                  loops are split and unrolled into what a zero-overhead loop can hold
    instruction_selection  each statement becomes instructions over streams of memory accesses
    peel                   first and last turns of multiply-accumulate loops by themselves
    several_turns          counted loops take several turns at a time
    beside                 constants in a second bank, for what reads the pool's twice
    interleave, lanes      turns of element-wise loops side by side, latencies filled
    address_generation     streams become pointers, steps become post-increments
    schedule               latencies are respected, loops become `do` or counted branches
    steady                 what registers keep from turn to turn of a loop over time
    time_loops             loops over time run around whole kernels
    image                  words, constants, symbols
"""
