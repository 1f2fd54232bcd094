// Imported first, so that an old Node fails by name and not by a riddle further in.
const major = Number(process.versions.node.split('.')[0]);
if (major < 20) {
  throw new Error(`the stock SDK test needs Node 20 or newer, and this is ${process.version}: install Node 20 and run it again`);
}
