/* The chip in a page: engine.wasm behind its doors (engine_doors.h), and values read out of its
   memory (codegen/views.py). The page knows of the processor what this class tells. */

const ROOM = 1 << 24, LAST_WORD = 0xffffffff, LIMIT = 1;
const FAULTS = ["", "", "no instruction", "no memory there", "a misaligned access",
  "an illegal sequence", "a jump inside do"];

class Chip {
  static async made(wasm, board) {
    return new Chip((await WebAssembly.instantiate(wasm)).instance.exports, board);
  }

  /* board: what doors.wiring gives, and chip_assume's numbers. */
  constructor(doors, board) {
    this.doors = doors;
    this.statesPerCycle = board.states_per_cycle;
    const put = array => {
      const at = doors.chip_room(array.byteLength);
      new Uint8Array(doors.memory.buffer, at).set(new Uint8Array(array.buffer));
      return at;
    };
    this.base = doors.chip_room(ROOM);
    this.chip = doors.chip_new(this.base, put(Uint16Array.from(board.map)),
                               put(Uint8Array.from(board.partition)));
    doors.chip_assume(this.chip, ...board.assumed, put(Uint8Array.from(board.waits)),
                      put(Uint8Array.from(board.order)));
  }

  get memory() { return new Uint8Array(this.doors.memory.buffer, this.base, ROOM); }
  get words() { return new Uint32Array(this.doors.memory.buffer, this.base, ROOM / 4); }
  get cycles() { return this.doors.chip_states(this.chip) / this.statesPerCycle; }
  get pc() { return this.doors.chip_pc(this.chip) >>> 0; }

  /* A program alone in memory. words: of all its segments. */
  load(program, words) {
    this.program = program;
    this.memory.fill(0);
    let from = 0;
    for (const [address, count] of program.segments) {
      this.words.set(words.subarray(from, from + count), address / 4);
      from += count;
    }
  }

  /* Everything but memory as after power-up, and what is to be read in its place. */
  begin(integers) {
    this.words.set(Int32Array.from(integers), this.program.inputs[0] / 4);
    this.doors.chip_reset(this.chip, this.program.entry);
    this.touched = true;
  }

  /* Whether pc came to `until` within so many instructions. */
  run(until, instructions = 1e9) {
    const go = this.touched ? this.doors.chip_run : this.doors.chip_continue;
    this.touched = false;
    const ended = go(this.chip, until, instructions, 1);
    if (ended > LIMIT) {
      const pc = this.doors.chip_error(this.chip, 0) >>> 0;
      throw new Error(`${FAULTS[ended]} at pc ${pc.toString(16).padStart(6, "0")}`);
    }
    return ended < LIMIT;
  }

  step() { this.run(LAST_WORD, 1); }

  /* The integers of each output. */
  outputs() {
    return this.program.outputs.map(([address, words]) => Array.from({length: words}, (_, i) =>
      this.doors.chip_peek(this.chip, address + 4 * i) | 0));
  }

  /* Where each element of a value lies, -1 where it is not there: of one step of the loops over
     time, of one of its planes. */
  places(view, step = [], plane = 0) {
    let at = [view.offset + step.reduce((sum, t, i) => sum + t * view.moves[i], 0)];
    view.shape.forEach((n, axis) => {
      at = at.flatMap(a => Array.from({length: n}, (_, i) => a + i * view.strides[axis]));
    });
    const wide = view.plane_bytes;
    return Int32Array.from(at, a => !wide ? view.address + a :
      Math.floor(a / wide) === plane ? view.address + a % wide : -1);
  }

  /* What stands there, as bits. */
  raw(view, place) {
    const word = this.doors.chip_peek(this.chip, place) >>> 0;
    if (view.code === "byte") return word >>> 8 * (place & 3) & 255;
    return view.code === "int16" ? word >>> 8 * (place & 2) & 65535 : word;
  }

  /* The integer of the fixed-point graph that those bits are. */
  integer(view, raw) {
    let x = raw;
    if (view.code === "float") {
      const fraction = (raw >>> 8 & 0x7fffff) / 0x800000, exponent = raw & 255;
      x = exponent ? (raw >>> 31 ? fraction - 2 : 1 + fraction) * 2 ** (exponent - 128) : 0;
    } else if (view.code === "int16") x = raw << 16 >> 16;
    else if (view.code === "int32") x = raw | 0;
    x = Math.floor((x - view.base) / view.step);
    if (view.low !== null) x = Math.max(view.low, x);
    return view.high === null ? x : Math.min(view.high, x);
  }

  /* Bits that no sum of ours leaves there, so that one sees what is written. */
  spoil(view, places) {
    const bytes = this.memory, wide = {byte: 1, int16: 2}[view.code] ?? 4;
    for (const place of places) if (place >= 0) bytes.fill(0xa5, place, place + wide);
    this.touched = true;
  }
}
