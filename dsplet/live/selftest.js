/* Samples that the page carries, with the integers and cycles that the native engine gave. */

/* {integers, differ, cycles}: compared, of these other than native, and samples of other cycles. */
async function selfTest(networks, restore) {
  const total = {integers: 0, differ: 0, cycles: 0, samples: 0};
  for (const network of networks) {
    const {samples} = network.facts;
    await new Promise(requestAnimationFrame); // the page stays awake
    network.load();
    samples.images.forEach((levels, i) => {
      const run = new Run(network, network.integers({data: levels}), {}).whole();
      total.samples++;
      const found = run.outputs.flat();
      total.integers += found.length;
      total.differ += found.filter((q, k) => q !== samples.outputs[i][k]).length;
      total.cycles += run.chip.cycles !== samples.cycles[i];
    });
    restore();
  }
  return total;
}

function testText({integers, differ, cycles, samples}) {
  return `self-test: ${integers.toLocaleString("en")} integers, ${differ} differ; `
    + `cycles of ${samples} samples, ${cycles} differ`;
}
