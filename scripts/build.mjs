// npm run build: dist/ from src/, only what has changed.
import {ensureBuilt, ensureInstalled} from './prepare.mjs';

ensureInstalled();
process.exit(ensureBuilt() ? 0 : 1);
