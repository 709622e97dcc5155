// The vendor's package for data plans, for a Node that has it: answers lines as actions.py does

const { createInterface } = require("node:readline");
const { DataPlanService } = require("@mparticle/data-planning-node");
const { name, version } = require("@mparticle/data-planning-node/package.json");

const service = new DataPlanService();

async function validate(plan, batch, loops) {
  const began = process.cpuUsage();
  for (let done = 0; done < loops; done++) await service.validateBatch(batch, plan);
  const { user, system } = process.cpuUsage(began);
  return (user + system) / 1e6;
}

const versions = () => ({ Node: process.versions.node, [name]: version });
const actions = { versions, validate };
createInterface({ input: process.stdin }).on("line", async (line) => {
  const [action, args] = JSON.parse(line);
  console.log(JSON.stringify(await actions[action](...args)));
});
