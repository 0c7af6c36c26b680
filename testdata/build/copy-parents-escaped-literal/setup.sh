echo cpel > 'cpel*f'
