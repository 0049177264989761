// npm run build: dist/ from src/ and sdk/dist/ from sdk/, only what has changed.
import {ensureBuilt, ensureInstalled, ensureSdkBuilt} from './prepare.mjs';

ensureInstalled();
process.exit(ensureBuilt() && ensureSdkBuilt() ? 0 : 1);
