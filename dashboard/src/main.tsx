import { createRoot } from 'react-dom/client'
import { App } from './app'
import { applyTheme } from './state/theme'
import './styles/tokens.css'
import './styles/base.css'
import './styles/layout.css'
import './styles/components.css'
import './styles/charts.css'
import './styles/customers.css'
import './styles/live.css'
import './styles/health.css'
import './styles/print.css'

applyTheme()
const root = document.getElementById('root')
if (root) createRoot(root).render(<App />)
