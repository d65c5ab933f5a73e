/* Samples that the page carries, with the integers and cycles that the native engine gave, on a
   chip of their own: the other one is being used. */

async function selfTest(chip, networks, count, tell) {
  const total = {integers: 0, differ: 0, cycles: 0, samples: 0};
  for (let i = 0; i < count; i++) {
    const {facts} = await networks(i), {samples} = facts, test = new Network(facts, chip, []);
    test.load();
    for (const [k, levels] of samples.images.entries()) {
      await new Promise(done => setTimeout(done)); // the page stays awake
      const run = new Run(test, test.integers({data: levels}), {}).whole();
      const found = run.outputs.flat();
      total.samples++;
      total.integers += found.length;
      total.differ += found.filter((q, n) => q !== samples.outputs[k][n]).length;
      total.cycles += run.chip.cycles !== samples.cycles[k];
    }
    tell(`self-test: ${i + 1} of ${count} networks`);
  }
  const many = n => n.toLocaleString("en");
  tell(`self-test: ${many(total.integers)} integers, ${many(total.differ)} differ; cycles of `
    + `${many(total.samples)} samples, ${many(total.cycles)} differ`);
  return total;
}
