// npm start: installs and builds what is missing, then runs the server on the pinned Node.
// Runs on the machine's own Node, 18 or newer.
import {join} from 'node:path';
import {ensureBuilt, ensureInstalled, nodePath, root} from './prepare.mjs';
import {runNode} from './run-node.mjs';

ensureInstalled();
if (!ensureBuilt()) process.exit(1);
const flags = [
  '--enable-experimental-regexp-engine-on-excessive-backtracks',
  // Collections of new objects hold everybody: half of the usual size makes them more and shorter (decision 18).
  '--max-semi-space-size=8',
];
runNode(nodePath(), [...flags, join(root, 'dist', 'main.js'), ...process.argv.slice(2)]);
